# One image for migrate, worker, beat, flower and console; the command says which.
# Packages and code are layers of their own: a change of the code brings only the last one anew.
FROM python:3.11-slim AS requirements
COPY pyproject.toml .
# --build-arg EXTRA=tracing adds what [tracing] needs.
ARG EXTRA=
RUN python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; print(*p['dependencies'], *p['optional-dependencies'].get('$EXTRA', ()), sep='\n')" > /requirements.txt

FROM python:3.11-slim AS packages
COPY constraints.txt /
COPY --from=requirements /requirements.txt /
RUN --mount=type=cache,target=/var/cache/pip \
    python -m venv --without-pip /opt/orderbridge \
    && PIP_CACHE_DIR=/var/cache/pip python -m pip --python /opt/orderbridge/bin/python install -c /constraints.txt -r /requirements.txt

FROM python:3.11-slim AS wheel
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
# Before pipeline, whose manual it is.
COPY docs docs
COPY pipeline pipeline
COPY tasks tasks
RUN --mount=type=cache,target=/var/cache/pip \
    PIP_CACHE_DIR=/var/cache/pip python -m pip wheel --no-deps --wheel-dir /wheel .

FROM python:3.11-slim
# /data is beat's; a volume mounted there takes over its owner.
RUN useradd --uid 10001 --create-home orderbridge \
    && install --directory --owner orderbridge --group orderbridge /data
COPY --from=packages /opt/orderbridge /opt/orderbridge
RUN --mount=type=bind,from=wheel,source=/wheel,target=/wheel \
    python -m pip --python /opt/orderbridge/bin/python install --no-cache-dir --no-deps /wheel/*.whl
ENV PATH=/opt/orderbridge/bin:$PATH \
    PYTHONUNBUFFERED=1
USER orderbridge
WORKDIR /home/orderbridge
CMD ["orderbridge", "--help"]
