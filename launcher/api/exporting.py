"""The response with the notebooks of a day."""

from starlette.responses import Response, StreamingResponse

from launcher.api import here, query_parameter
from launcher.store.workshops import Workshop
from launcher.workshops import export
from launcher.workshops.people import Viewer


async def answer(viewer: Viewer, workshop: Workshop | None) -> Response:
    """The zip file of the day in the query; raises BadRequest, NotFound."""
    day = export.parse_day(query_parameter("day"), query_parameter("utc_offset"))
    file = await here().exports.of_day(viewer, workshop, day)
    return StreamingResponse(file.content, media_type=export.MEDIA_TYPE, headers=file.headers)
