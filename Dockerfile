# koala in a container: for a processor, or with --build-arg EXTRAS=gpu,ray,s3 for NVIDIA GPUs, clusters and stores.
#
#   docker build -t koala .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" koala colorize scans color
ARG PYTHON=3.12
FROM python:${PYTHON}-slim-bookworm AS build
ARG EXTRAS=ray,s3
WORKDIR /src
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY koalacli koalacli
COPY weights weights
RUN python -m venv /opt/koala && /opt/koala/bin/pip install --no-cache-dir ".[${EXTRAS}]"

FROM python:${PYTHON}-slim-bookworm
COPY --from=build /opt/koala /opt/koala
RUN useradd --create-home --uid 10001 koala
USER 10001
WORKDIR /work
ENV PATH=/opt/koala/bin:$PATH PYTHONUNBUFFERED=1
ENTRYPOINT ["koala"]
CMD ["--help"]
