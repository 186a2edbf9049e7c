# ingestd with FFmpeg and Janus: `ingestd serve`, beside the nginx of nginx-rtmp/Dockerfile. compose.yaml runs both.
# Another target, `turn`: coturn.
#
#   EXTRAS    what else is installed: otel (traces)
#   REVISION  and with it CREATED and SOURCE, for whoever hands the image on: what it was made of, when, from where

ARG DEBIAN=docker.io/library/debian:bookworm-slim
ARG NODE=docker.io/library/node:22-bookworm-slim
ARG REVISION=
ARG VERSION=0.1.0

FROM ${NODE} AS pages
WORKDIR /web
COPY web/package.json web/package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund --no-update-notifier
COPY web ./
RUN npm run --silent build

FROM ${DEBIAN} AS program
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends python3-venv >/dev/null
RUN python3 -m venv /opt/ingestd
# What it needs first, which stays as long as setup.cfg does.
ARG EXTRAS=
WORKDIR /src
COPY setup.cfg pyproject.toml ./
RUN mkdir -p ingestd nginx-rtmp && touch README.md LICENSE nginx-rtmp/nginx.conf.template \
    && /opt/ingestd/bin/pip install -q --no-cache-dir --disable-pip-version-check --prefer-binary ".${EXTRAS:+[$EXTRAS]}"
COPY . .
RUN /opt/ingestd/bin/pip install -q --no-cache-dir --disable-pip-version-check --no-deps --force-reinstall . \
    && /opt/ingestd/bin/pip uninstall -q -y setuptools pip
COPY --from=pages /web/dist /opt/ingestd/share/ingestd/web/dist

FROM ${DEBIAN} AS turn
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends coturn tini >/dev/null \
    && rm -rf /etc/turnserver.conf /var/lib/turn /var/lib/apt/lists/* /var/cache/* /var/log/* \
        /usr/share/doc /usr/share/man /usr/include/turn /usr/lib/libturnclient.a
ARG DEBIAN
ARG VERSION
LABEL org.opencontainers.image.title="coturn for ingestd" \
    org.opencontainers.image.description="coturn, which leads to ingestd whom no UDP reaches" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.base.name="${DEBIAN}"
USER 10001:10001
WORKDIR /
EXPOSE 3478 3478/udp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=1m --retries=3 CMD ["turnutils_stunclient", "127.0.0.1"]
# The secret is shared with ingestd: it has a file of its own, and stands in no command line.
ENTRYPOINT ["tini", "--", "bash", "-euc", "umask 077; secret=$(</run/secrets/turn_secret); : \"${secret:?is empty}\"; \
{ cat /etc/turnserver.conf; echo \"static-auth-secret=$secret\"; } >/tmp/turnserver.conf; \
exec turnserver -c /tmp/turnserver.conf \"$@\"", "turn"]

FROM ${DEBIAN} AS image
# Debian's FFmpeg brings along what draws windows, which no server has: a third of the image. Its Janus brings plugins
# for much else, with their libraries, and a desktop's services: three quarters of what it adds.
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
        ca-certificates ffmpeg janus python3 tini >/dev/null \
    && dpkg --purge --force-depends libgl1-mesa-dri libglx-mesa0 libllvm15 libz3-4 >/dev/null \
    && dpkg --purge --force-depends dbus dbus-bin dbus-daemon dbus-session-bus-common dbus-system-bus-common \
        dbus-user-session dconf-gsettings-backend dconf-service dmsetup glib-networking glib-networking-common \
        glib-networking-services gsettings-desktop-schemas libduktape207 libfdisk1 liblua5.3-0 libmicrohttpd12 \
        libnanomsg5 libpaho-mqtt1.3 libpam-systemd libsofia-sip-ua0 libsystemd-shared procps systemd systemd-sysv \
        >/dev/null \
    && find /usr/lib/*/janus -name '*.so*' ! -name '*_videoroom.so*' ! -name '*_streaming.so*' ! -name '*_websockets.so*' \
        -delete \
    && rm -rf /etc/janus /var/lib/apt/lists/* /var/cache/* /var/log/* /usr/share/doc /usr/share/man \
    && ffmpeg -version >/dev/null && ffprobe -version >/dev/null \
    && ! ldd /usr/bin/janus /usr/lib/*/janus/*/*.so | grep 'not found'
RUN useradd --uid 10001 --user-group --home-dir /var/lib/ingestd --shell /usr/sbin/nologin ingestd \
    && install -d -o ingestd -g ingestd -m 750 /var/lib/ingestd /var/lib/ingestd/hls /var/lib/ingestd/nginx
COPY --from=program /opt/ingestd /opt/ingestd

ARG DEBIAN
ARG VERSION
LABEL org.opencontainers.image.title="ingestd" \
    org.opencontainers.image.description="Live-streaming origin in which the browser is a first-class encoder" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.base.name="${DEBIAN}"

# A port in the settings must not lead away from where the health check and Prometheus ask.
ENV PATH=/opt/ingestd/bin:/usr/local/bin:/usr/bin:/bin \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    INGESTD_DATA_DIR=/var/lib/ingestd \
    INGESTD_HTTP_PORT=4000
USER 10001:10001
WORKDIR /var/lib/ingestd
VOLUME /var/lib/ingestd
EXPOSE 4000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=2m --retries=3 CMD ["bash", "-c", \
    "exec 3<>\"/dev/tcp/${INGESTD_NGINX_UPSTREAM:-127.0.0.1}/$INGESTD_HTTP_PORT\" && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
# tini reaps what encoders leave behind, and hands on every signal: HUP reads the settings again.
ENTRYPOINT ["tini", "--", "ingestd"]
CMD ["serve"]

# A label that says nothing is worse than none: these are there if there is something to say.
FROM image AS image-of-revision
ARG REVISION
ARG CREATED=
ARG SOURCE=
LABEL org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}" \
    org.opencontainers.image.source="${SOURCE}"

FROM image${REVISION:+-of-revision}
