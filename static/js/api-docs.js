// Starts Swagger UI or Redoc, whichever the page holds, on this server's own document.
"use strict";
(() => {
  const swagger = document.getElementById("swagger-ui");
  if (swagger) {
    window.SwaggerUIBundle({
      url: swagger.dataset.document,
      domNode: swagger,
      deepLinking: true,
      docExpansion: "list",
      defaultModelsExpandDepth: -1,
      // The outside validator would get to see the document.
      validatorUrl: null,
    });
  }
  const redoc = document.getElementById("redoc");
  if (redoc) {
    window.Redoc.init(redoc.dataset.document, { hideDownloadButton: false, nativeScrollbars: true }, redoc);
  }
})();
