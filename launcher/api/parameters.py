"""Validates parameters in the path, the query and headers."""

from collections.abc import Iterable
from typing import Any

from connexion.validators import ParameterValidator

from launcher.errors import BadRequest
from launcher.schemas import checker_of


class Parameters(ParameterValidator):
    """Connexion's validator, with error messages that name the parameter and not its value."""

    @staticmethod
    def validate_parameter(
        parameter_type: str, value: Any, param: dict[str, Any], param_name: str | None = None
    ) -> None:
        """Raise BadRequest if the value is missing or not valid."""
        name = param["name"]
        if value is not None:
            try:
                checker_of(param["schema"]).check(value, f"/{name}")
            except BadRequest as error:
                raise BadRequest(f"{_PLACES[parameter_type]} {error.detail}") from error
        elif param.get("required"):
            raise BadRequest(f"{_PLACES[parameter_type]} {name} is missing.")

    @staticmethod
    def validate_parameter_list(
        request_params: Iterable[str], spec_params: Iterable[str]
    ) -> set[str]:
        """Raise BadRequest for parameters that are not in openapi.yaml."""
        known = sorted(set(spec_params))
        if set(request_params) - set(known):
            allowed = f"allowed are: {', '.join(known)}" if known else "this operation has none"
            raise BadRequest(f"The query contains an unknown parameter; {allowed}.")
        return set()


_PLACES = {
    "query": "The query parameter",
    "path": "The path parameter",
    "header": "The header",
    "cookie": "The cookie",
}
