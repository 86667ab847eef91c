# One image for migrate, worker, beat, flower and console; the command says which.
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY pipeline pipeline
COPY tasks tasks
RUN python -m venv /opt/orderbridge \
    && /opt/orderbridge/bin/pip install --no-cache-dir -c constraints.txt .

FROM python:3.11-slim
# /data is beat's; a volume mounted there takes over its owner.
RUN useradd --uid 10001 --create-home orderbridge \
    && install --directory --owner orderbridge --group orderbridge /data
COPY --from=build /opt/orderbridge /opt/orderbridge
ENV PATH=/opt/orderbridge/bin:$PATH \
    PYTHONUNBUFFERED=1
USER orderbridge
WORKDIR /home/orderbridge
CMD ["orderbridge", "--help"]
