# The bot without its sandbox and tools. compose.yaml runs it with everything closed that it does not need.

FROM python:3.13-slim AS build
WORKDIR /src
# Dependencies first: they change more seldom than the code. Every file is checked against its hash in the lock, which
# names all of them.
# The environment that is copied into the image has no pip.
COPY requirements/build.lock requirements/run.lock requirements/
RUN pip install --no-cache-dir --only-binary=:all: --no-deps --require-hashes --requirement requirements/build.lock \
    && python -m venv --without-pip /opt/nano-banana-bot \
    && pip --python=/opt/nano-banana-bot/bin/python install --no-cache-dir --only-binary=:all: --no-deps --require-hashes \
        --requirement requirements/run.lock \
    && pip --python=/opt/nano-banana-bot/bin/python check
COPY LICENSE README.md pyproject.toml ./
COPY bot bot
COPY cogs cogs
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir=/wheels . \
    && pip --python=/opt/nano-banana-bot/bin/python install --no-cache-dir --no-deps --no-index /wheels/*.whl

FROM python:3.13-slim
# A fixed number, so that the owner of a bind-mounted data folder can be set on the host: chown 10001:10001.
RUN groupadd --gid 10001 bot \
    && useradd --uid 10001 --gid bot --no-log-init --no-create-home --home-dir /app --shell /usr/sbin/nologin bot \
    && install --directory --owner=bot --group=bot --mode=0700 /app/data
COPY --from=build /opt/nano-banana-bot /opt/nano-banana-bot
ENV PATH="/opt/nano-banana-bot/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /app
USER 10001:10001
# Everything that must outlive the container: the database and the pictures. Temporary files go to /tmp (a tmpfs).
VOLUME /app/data
# SIGTERM ends the bot in order; what is under way is resumed at the next start.
STOPSIGNAL SIGTERM
ENV HEALTH_PORT=8787
# Healthy while the event loop turns and the database answers; a lost gateway is no reason to restart.
HEALTHCHECK --interval=60s --timeout=15s --start-period=60s --retries=3 CMD ["nano-banana-bot", "health"]
ENTRYPOINT ["nano-banana-bot"]
CMD ["run"]
