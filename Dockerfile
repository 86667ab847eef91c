# One image for migrate, worker, beat, flower and console; the command says which.
# Packages and code are layers of their own: a change of the code brings only the last one anew.
# What is not ours is installed by its hash: a file that was exchanged at the registry is refused.
FROM python:3.11-slim AS packages
# --build-arg EXTRA=tracing adds what [tracing] needs.
ARG EXTRA=
COPY requirements /requirements
RUN --mount=type=cache,target=/var/cache/pip \
    python -m venv --without-pip /opt/orderbridge \
    && PIP_CACHE_DIR=/var/cache/pip python -m pip --python /opt/orderbridge/bin/python install --require-hashes -r /requirements/${EXTRA:-base}.txt

FROM python:3.11-slim AS wheel
WORKDIR /src
COPY requirements/build.txt ./
RUN --mount=type=cache,target=/var/cache/pip \
    PIP_CACHE_DIR=/var/cache/pip python -m pip install --require-hashes -r build.txt
COPY pyproject.toml README.md LICENSE ./
# Before pipeline, whose manual it is.
COPY docs docs
COPY pipeline pipeline
COPY tasks tasks
RUN --mount=type=cache,target=/var/cache/pip \
    PIP_CACHE_DIR=/var/cache/pip python -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheel .

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
