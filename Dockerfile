# The environment in a container. Written from the pins that the tests run on; the image
# itself was not built where this was written (no container registry there).
#
#   docker build -t albert_zh .                                  CPU, TensorFlow 1.15.5
#   docker build -t albert_zh --build-arg PYTHON_VERSION=3.11 \
#       --build-arg REQUIREMENTS=requirements-tf2.txt .          GPU, TensorFlow 2.15.1
#   docker run --rm [--gpus all] -v "$PWD/out:/out" -e OUTPUT_DIR=/out/lcqmc albert_zh
ARG PYTHON_VERSION=3.7
FROM python:${PYTHON_VERSION}-slim
ARG REQUIREMENTS=requirements-cpu.txt
WORKDIR /albert_zh
COPY requirements*.txt ./
RUN pip install --no-cache-dir -r ${REQUIREMENTS} -r requirements-dev.txt
COPY . .
# env.sh then uses the container's Python as it is.
ENV ALBERT_PYTHON=python
CMD ["bash", "run_classifier_lcqmc.sh"]
