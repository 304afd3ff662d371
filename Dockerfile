# docker build -t encoderscope .
# docker run --rm -p 8501:8501 -v encoderscope:/data [--gpus all] encoderscope
FROM python:3.12-slim

RUN useradd --create-home --uid 1000 scope && mkdir /data && chown scope /data
WORKDIR /app
COPY requirements.txt requirements-sign-in.txt ./
# An index with CPU builds of torch and torchvision makes the image small: --build-arg TORCH_INDEX=...; their versions are the same.
ARG TORCH_INDEX=""
RUN pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -r requirements.txt -r requirements-sign-in.txt
COPY --chown=scope . .

USER 1000
ENV ENCODERSCOPE_HOME=/data HF_HOME=/data/hub HOME=/tmp MPLCONFIGDIR=/tmp PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/healthz', timeout=4)"]
CMD ["python", "-m", "streamlit", "run", "app.py", "--server.address", "0.0.0.0", "--server.port", "8501"]
