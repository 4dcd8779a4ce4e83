"""What somebody can copy to let others open a project: a link, and badges for a README."""

import html
from dataclasses import dataclass

from launcher.links.query import MAX_QUERY
from launcher.web.project_draft import ProjectDraft

WORDS = "Launch this project"


@dataclass(frozen=True)
class SharedProject:
    """A link to the form, and its badges; all '' if the link would be too long."""

    link: str = ""
    markdown: str = ""
    html: str = ""


def shared(url: str, draft: ProjectDraft) -> SharedProject:
    """The link to the form as it is filled in, at the launcher with that URL."""
    query = draft.link_query()
    if len(query) > MAX_QUERY:
        return SharedProject()
    link = f"{url}/launch/?{query}"
    picture = f"{url}/static/badge.svg"
    return SharedProject(
        link=link,
        markdown=f"[![{WORDS}]({picture})]({link})",
        html=f'<a href="{html.escape(link)}"><img src="{html.escape(picture)}" alt="{WORDS}"></a>',
    )
