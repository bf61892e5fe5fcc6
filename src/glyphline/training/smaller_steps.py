"""Optimizers that change some variables in smaller steps: weights that have learned before need less of a change."""

from typing import Any

from glyphline.training.keras_import import import_keras


def with_smaller_steps(kind: Any, part: float, slower: list[Any]) -> Any:
    """A class of Keras optimizers like `kind`, on any backend, whose steps and weight decay differ by variable.

    Keras takes weight decay off all variables at one rate; whoever makes the optimizer excludes `slower` from that.

    Args:
        kind: the class of a Keras optimizer, as Adam.
        part: the step size of `slower`, as a part of the learning rate.
        slower: the Keras variables concerned.

    Source: Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification" (ACL 2018), section 3.1.
    """
    keras = import_keras()

    class WithSmallerSteps(kind):  # type: ignore[misc]
        def build(self, variables: list[Any]) -> None:
            super().build(variables)
            self.slower = {self._get_variable_index(variable) for variable in slower}

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            if self._get_variable_index(variable) in self.slower:
                learning_rate = learning_rate * part
                if self.weight_decay:
                    decay = keras.ops.cast(self.weight_decay * learning_rate, variable.dtype)
                    self.assign_sub(variable, variable * decay)
            super().update_step(gradient, variable, learning_rate)

    return WithSmallerSteps
