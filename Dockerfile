# Two stages: one makes the virtual environment, the other holds it and nothing that was needed to make it.
ARG BASE=docker.io/library/python:3.11-slim

FROM ${BASE} AS build
WORKDIR /src
COPY requirements-postgres.txt ./
RUN python3 -m venv /opt/imgbatch \
 && /opt/imgbatch/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes -r requirements-postgres.txt
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY providers providers
COPY storage storage
RUN /opt/imgbatch/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --no-index --no-deps --no-build-isolation . \
 && /opt/imgbatch/bin/python -m pip uninstall --yes --quiet setuptools pip

FROM ${BASE}
# Schedules need the database of time zones. DejaVu letters captions on contact sheets in scripts that the bundled font does not have.
RUN apt-get update \
 && apt-get install -y --no-install-recommends fonts-dejavu-core tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && mkdir /data && chown 10001:10001 /data
COPY --from=build /opt/imgbatch /opt/imgbatch
ENV PATH=/opt/imgbatch/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    IMGBATCH_DATA=/data \
    IMGBATCH_HOST=0.0.0.0
WORKDIR /data
USER 10001:10001
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python3", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('IMGBATCH_PORT', '8080') + '/healthz', timeout=4)"]
ENTRYPOINT ["imgbatch"]
CMD ["serve"]
