# Meshbot's processes, and with the process launcher also their runs: the image has one SQLMesh in it.
ARG BASE=python:3.13-slim
FROM ${BASE} AS build
WORKDIR /meshbot
RUN python3 -m venv /meshbot/tools && /meshbot/tools/bin/pip install --no-cache-dir --disable-pip-version-check "uv>=0.5"
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY bot ./bot
COPY scheduler ./scheduler
COPY meshrun ./meshrun
RUN python3 -m venv /meshbot/venv \
 && /meshbot/tools/bin/uv pip install --no-cache --python /meshbot/venv/bin/python --constraint requirements.lock ".[run]"

FROM ${BASE}
# git fetches the commit of each run; it is asked for the work tree only, never for hooks or filters. bubblewrap is the
# sandbox in which the projects of pull requests are described; where a container may not use it, they are not.
RUN apt-get update && apt-get install -y --no-install-recommends git bubblewrap && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /data --create-home meshbot
COPY --from=build /meshbot/venv /meshbot/venv
ENV PATH=/meshbot/venv/bin:$PATH MESHBOT_DATA_DIR=/data
USER meshbot
WORKDIR /data
ENTRYPOINT ["meshbot"]
CMD ["doctor"]
