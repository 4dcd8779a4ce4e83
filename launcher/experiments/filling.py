"""Notebooks that are filled in from their experiments, and the links that fill in the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from launcher.experiments import Experiment, provenance
from launcher.links import passwords
from launcher.links.query import form_address, stored_query


@dataclass(frozen=True)
class FilledIn:
    """A rendered notebook, and the query of the link to its form (None if it is too long)."""

    rendered: dict[str, Any]
    link_query: str | None


@dataclass(frozen=True)
class Filling:
    """How notebooks are filled in: with or without a line that says what made them."""

    with_provenance: bool
    own_url: str
    """The launcher's URL for browsers; '' if it is not known."""

    def fill_in(
        self,
        experiment: Experiment,
        parameters: dict[str, Any],
        notebook: Mapping[str, Any],
        pointer: str = "/parameters",
    ) -> FilledIn:
        """Fill in the parameters, and their defaults; `notebook` says where the notebook goes.

        Raises BadRequest with JSON pointers below `pointer`.
        """
        rendered = experiment.render(parameters, pointer)
        query = stored_query(experiment.schema, parameters, notebook)
        if self.with_provenance:
            shown = passwords.hidden(experiment.schema, parameters)
            link = form_address(self.own_url, experiment.name, query) if self.own_url else ""
            provenance.add(rendered, experiment.title, shown, link)
        return FilledIn(rendered, query)
