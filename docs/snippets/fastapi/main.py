# pip install fastapi uvicorn; uvicorn main:app --host 0.0.0.0 --port 8080
import os
import uuid

from fastapi import FastAPI, Request

app = FastAPI()

# --- the lines that matter ---------------------------------------------------------------------------------------------
# With several worker processes in one container, set INSTANCE_ID in the entrypoint: every worker would draw its own.
INSTANCE_ID = os.environ.get("INSTANCE_ID") or uuid.uuid4().hex[:8]


@app.middleware("http")
async def say_who_answered(request: Request, call_next):
    response = await call_next(request)
    response.headers["x-instance-id"] = INSTANCE_ID
    return response
# -----------------------------------------------------------------------------------------------------------------------


@app.get("/")
def hello() -> str:
    return "hello"
