# Stands in for postgres:…-bookworm: Debian's own PostgreSQL (an older one), and of the official image's entrypoint
# what docker-compose.yml makes use of.
FROM localhost/stand-in/debian
RUN groupadd --gid 999 postgres && useradd --uid 999 --gid 999 --home-dir /var/lib/postgresql postgres \
    && apt-get update && apt-get install -y --no-install-recommends postgresql \
    && rm -rf /var/lib/apt/lists/* /var/lib/postgresql \
    && ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin/ \
    && install --directory --owner=postgres --group=postgres --mode=0700 /var/lib/postgresql/data
COPY postgres_entrypoint.sh /usr/local/bin/docker-entrypoint.sh
# Podman's own tmpfs at /run takes the mode from what is mounted below it; so the socket is elsewhere.
ENV PGDATA=/var/lib/postgresql/data PGHOST=/tmp LANG=C.UTF-8
VOLUME /var/lib/postgresql/data
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
