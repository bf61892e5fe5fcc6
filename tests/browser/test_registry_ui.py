"""Promotion and rollback as a person sees them in MLflow's real UI."""

import pytest

from tests.project import store

NAME = "glyphline-digits"


@pytest.fixture
def champion_page(page, address):
    """Open the page of a version and say whether it wears the alias `champion`."""

    def wears(version: int, *, is_champion: bool) -> None:
        page.goto("about:blank")
        page.goto(f"{address}/#/models/{NAME}/versions/{version}")
        # The chip, and not the word in the description.
        chip = page.get_by_text("champion", exact=True).first
        page.get_by_text("Decision").first.wait_for()
        if is_champion:
            chip.wait_for()
        else:
            assert chip.count() == 0

    return wears


def test_a_promotion_and_its_rollback_are_seen_on_the_pages_of_the_versions(champion_page, two_models):
    before = int(store(two_models).get_model_version_by_alias(NAME, "champion").version)
    other = next(n for n in (1, 2) if n != before)
    champion_page(before, is_champion=True)
    two_models.glyphline("promote", str(other), "--force", "--reason", "to be seen")
    champion_page(other, is_champion=True)
    champion_page(before, is_champion=False)
    two_models.glyphline("rollback", "--reason", "seen")
    champion_page(before, is_champion=True)
    champion_page(other, is_champion=False)


def test_the_history_is_a_run_whose_parameters_are_the_entries(page, address, two_models):
    version = store(two_models).get_model_version(NAME, "1")
    run = store(two_models).get_run(version.tags["history"])
    page.goto(f"{address}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}")
    page.get_by_text("event.00000001", exact=True).first.wait_for()
    page.get_by_text(f"history of {NAME}").first.wait_for()
