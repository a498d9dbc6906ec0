# Two images out of one file: `server` is Meshbot's processes, `run` is the pod of a run whose team brings no image.
#
#   docker build --target server -t meshbot:0.1.0 .
#   docker build --target run -t meshbot-run:0.1.0 .
#
# The rule: what is installed is what requirements.lock says, each file checked by its hash; what only builds is in no
# image; both run as user 10001 and need to write nowhere but in mounted folders. The surprise: meshrun is not in `run`,
# because it comes into each pod from the Meshbot that starts it.
#
# BASE is a Debian with Python 3.11 or newer and its venv module. EXTRAS=run puts SQLMesh into the server as well: for
# runs as processes of the worker's machine, and for a bot that describes projects in its sandbox.
# Behind a proxy with a certificate of its own: --secret id=ca,src=FILE. It is read while building and left nowhere.
ARG BASE=python:3.13-slim

FROM ${BASE} AS tools
# A compiler, for the driver of Postgres that SQLMesh uses.
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev libpq-dev \
 && if ! [ -e "$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ]; then \
      apt-get install -y --no-install-recommends python3-dev; fi
ARG UV=0.13.9
ARG HATCHLING=1.33.0
ARG SETUPTOOLS=84.2.1
WORKDIR /meshbot/source
RUN --mount=type=secret,id=ca \
    if [ -f /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
 && python3 -m venv /meshbot/tools \
 && /meshbot/tools/bin/pip install --no-cache-dir --disable-pip-version-check "uv==$UV" \
 && python3 -m venv --without-pip /meshbot/venv \
 && printf 'hatchling==%s\nsetuptools==%s\n' "$HATCHLING" "$SETUPTOOLS" > /meshbot/build.txt
ENV PATH=/meshbot/tools/bin:$PATH SOURCE_DATE_EPOCH=1767225600 UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never \
    UV_PYTHON=/meshbot/venv/bin/python UV_CONSTRAINT=requirements.lock UV_BUILD_CONSTRAINT=/meshbot/build.txt
COPY pyproject.toml requirements.lock ./

# After each installation: no note of when it was made; no tests and no doubles of a library in another manner; and
# bytecode that is believed without looking at times, since nothing can be written beside it later.
FROM tools AS server-packages
ARG EXTRAS=
RUN --mount=type=secret,id=ca \
    if [ -f /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi \
 && CFLAGS=-g0 uv pip install --quiet ${EXTRAS:+--extra "$EXTRAS"} -r pyproject.toml \
 && rm -rf /meshbot/venv/lib/*/site-packages/kubernetes/aio /meshbot/venv/lib/*/site-packages/pandas/tests \
 && python3 -m compileall -qq --invalidation-mode unchecked-hash /meshbot/venv/lib
COPY README.md LICENSE ./
COPY bot ./bot
COPY scheduler ./scheduler
COPY meshrun ./meshrun
RUN --mount=type=secret,id=ca \
    if [ -f /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi \
 && uv build --quiet --wheel --out-dir /meshbot/wheels . \
 && uv pip install --quiet --no-deps /meshbot/wheels/*.whl && cd /meshbot/venv/lib/*/site-packages \
 && find . -name uv_cache.json -delete && sed -i '/uv_cache.json/d' meshbot-*/RECORD \
 && python3 -m compileall -qq --invalidation-mode unchecked-hash bot scheduler meshrun

FROM tools AS run-packages
RUN --mount=type=secret,id=ca \
    if [ -f /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi \
 && python3 -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["run"])' > run.txt \
 && CFLAGS=-g0 uv pip install --quiet -r run.txt \
 && rm -rf /meshbot/venv/lib/*/site-packages/pandas/tests \
 && python3 -m compileall -qq --invalidation-mode unchecked-hash /meshbot/venv/lib

FROM ${BASE} AS run
# libpq is what the driver of Postgres is linked to. There is no git here: `fetch_image` of the operator's file names an
# image that has it, such as `server`.
RUN apt-get update && apt-get install -y --no-install-recommends libpq5 \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* \
 && useradd --uid 10001 --user-group --no-create-home --home-dir /meshbot/home --shell /usr/sbin/nologin meshrun
COPY --from=run-packages /meshbot/venv /meshbot/venv
ENV PATH=/meshbot/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
CMD ["python3"]

FROM ${BASE} AS server
# git reads commits, and fetches that of each run; bubblewrap is the sandbox in which a bot with SQLMesh describes
# projects, where a container may make one.
ARG EXTRAS=
RUN apt-get update && apt-get install -y --no-install-recommends bubblewrap ca-certificates git ${EXTRAS:+libpq5} \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* \
 && useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin meshbot \
 && install --directory --owner meshbot --group meshbot /data
COPY --from=server-packages /meshbot/venv /meshbot/venv
ENV PATH=/meshbot/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 MESHBOT_DATA_DIR=/data
USER 10001:10001
WORKDIR /data
ENTRYPOINT ["meshbot"]
CMD ["doctor"]
