// npm install express
const { randomUUID } = require("node:crypto");
const express = require("express");

const app = express();

// --- the four lines that matter: once per process, on every answer, errors included -------------------------------------
const instanceId = process.env.INSTANCE_ID || randomUUID().slice(0, 8);
app.use((request, response, next) => {
  response.setHeader("x-instance-id", instanceId);
  next();
});
// -------------------------------------------------------------------------------------------------------------------------

app.get("/", (request, response) => response.send("hello\n"));
app.listen(process.env.PORT || 8080, process.env.HOST || "0.0.0.0");
