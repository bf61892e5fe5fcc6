"""Whether the search space and the images go together."""

import pytest

from glyphline.errors import SearchError
from glyphline.tuning import check_space
from tests.conftest import changed, made_split

GREY, COLOURED = made_split("train", 40), made_split("train", 40, channels=3)


@pytest.mark.parametrize("name", ["saturation", "hue"])
def test_colours_that_grey_images_do_not_have_are_refused_before_the_first_trial(default_params, name):
    key = f"train.augment.{name}"

    def searched(**entry):
        return changed(default_params, {"tune.space": {key: entry}})

    for entry in ({"low": 0.0, "high": 0.2}, {"choices": [0.0, 0.2]}):
        with pytest.raises(SearchError, match=f"tune.space: {key} changes colours") as caught:
            check_space(searched(**entry), GREY)
        assert f"take {key} out of tune.space" in caught.value.fix
        check_space(searched(**entry), COLOURED)
    check_space(searched(choices=[0.0]), GREY)
    check_space(default_params, GREY)
