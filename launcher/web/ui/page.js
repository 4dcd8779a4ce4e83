"use strict";

// Credentials stay in this page's memory: localStorage is shared with the users' servers.
window.addEventListener("load", () => {
  SwaggerUIBundle({
    url: "../openapi.json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    displayRequestDuration: true,
    persistAuthorization: false,
    tryItOutEnabled: true,
    validatorUrl: null,
    // the session of the launcher's pages, if there is one
    requestInterceptor: (request) => {
      const token = document.documentElement.dataset.xsrf;
      const own = new URL(request.url, location.href).origin === location.origin;
      if (token && own && !request.headers.Authorization) request.headers["X-XSRFToken"] = token;
      return request;
    },
    presets: [SwaggerUIBundle.presets.apis],
  });
});
