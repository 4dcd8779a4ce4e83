"""Parameters of the path, the query and headers: checked, with a sentence that names each."""

from collections.abc import Iterable
from typing import Any

from connexion.validators import ParameterValidator

from launcher.errors import BadRequest
from launcher.schemas import checker_of


class Parameters(ParameterValidator):
    """Connexion's validator, whose own sentences repeat the value and not the name."""

    @staticmethod
    def validate_parameter(
        parameter_type: str, value: Any, param: dict[str, Any], param_name: str | None = None
    ) -> None:
        """Raise BadRequest when the value is missing or does not fit."""
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
        """Raise BadRequest when there are others than those of openapi.yaml."""
        known = sorted(set(spec_params))
        if set(request_params) - set(known):
            mend = f"known are: {', '.join(known)}" if known else "this operation takes none"
            raise BadRequest(f"The query holds a parameter that is not known; {mend}.")
        return set()


_PLACES = {
    "query": "The query parameter",
    "path": "The path parameter",
    "header": "The header",
    "cookie": "The cookie",
}
