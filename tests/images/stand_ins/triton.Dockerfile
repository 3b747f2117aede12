# Stands in for nvcr.io/nvidia/tritonserver: the real tritonserver and its Python backend out of the wheel
# nvidia-pytriton, where NVIDIA's image has them. No CUDA, no TensorRT, an older version.
FROM localhost/stand-in/python
RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*
COPY pytriton.lock /tmp/
RUN pip install --no-cache-dir --no-deps --require-hashes --target /tmp/wheel -r /tmp/pytriton.lock \
    && mv /tmp/wheel/pytriton/tritonserver /opt/tritonserver \
    && mv /tmp/wheel/nvidia_pytriton.libs /opt/tritonserver/lib \
    && version="$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')" \
    && cp "/opt/tritonserver/python_backend_stubs/$version/triton_python_backend_stub" /opt/tritonserver/backends/python/ \
    && rm -rf /tmp/wheel /tmp/pytriton.lock /opt/tritonserver/python_backend_stubs
ENV PATH=/opt/tritonserver/bin:$PATH LD_LIBRARY_PATH=/opt/tritonserver/lib
WORKDIR /opt/tritonserver
