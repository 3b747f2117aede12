# Stands in for python:…-slim-bookworm: Debian, and a CPython under /usr/local as there.
FROM localhost/stand-in/debian
COPY python /usr/local
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
RUN ldconfig && python3 -m ensurepip && ln -s pip3 /usr/local/bin/pip && ln -s python3 /usr/local/bin/python
CMD ["python3"]
