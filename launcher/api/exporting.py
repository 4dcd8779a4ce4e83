"""The response with the notebooks of a day."""

from starlette.responses import Response, StreamingResponse

from launcher import logs
from launcher.api import here, query_parameter
from launcher.store.workshops import Workshop
from launcher.workshops import export
from launcher.workshops.people import Viewer

ZIP = "application/zip"


async def answer(viewer: Viewer, workshop: Workshop | None) -> Response:
    """The zip file of the day in the query; raises BadRequest, NotFound."""
    day = export.parse_day(query_parameter("day"), query_parameter("utc_offset"))
    exports = here().exports
    found = await exports.dashboard(viewer, workshop, day)
    name = workshop.name if workshop else "notebooks"
    logs.audit("notebooks_exported", by=viewer.name, workshop=name, day=str(day.date))
    headers = {"Content-Disposition": f'attachment; filename="{name}-{day.date}.zip"'}
    return StreamingResponse(exports.zip(viewer, found), media_type=ZIP, headers=headers)
