"""One request of every kind that the application answers: pages, files, the API, and mistakes."""

SAMPLE_REQUESTS = [
    ("GET", "/"), ("GET", "/ui"), ("GET", "/ui/"), ("GET", "/ui/swagger-ui.css"),
    ("GET", "/ui/nothing"), ("GET", "/ui/page/page.js"), ("GET", "/openapi.json"), ("GET",
    "/health"), ("GET", "/ready"),
    ("GET", "/user"), ("GET", "/experiments"), ("GET", "/nothing"), ("POST", "/hello"),
    ("PUT", "/hello"), ("POST", "/ui/"), ("OPTIONS", "/hello"), ("HEAD", "/ui/"),
]  # fmt: skip
