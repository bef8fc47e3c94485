# The images of Storecast. Two targets:
#   serving    the components of the graph: fleet/ and model_wrapper/ on base_requirements.txt
#   training   the storecast command: every package, with requirements/training.txt
# Plain Dockerfile language only: Kaniko builds it in the cluster, buildah in the tests.

# Debian with Python 3.11, the version that the locks were resolved for. A tag with its patch release, so that two
# builds of one commit start alike; give your own registry's image, best with its digest, to pin it for good.
ARG BASE_IMAGE=python:3.11.14-slim-bookworm

# --- tools: where commands run; the stages that ship only copy, so that no trace of a build gets into them ---
FROM ${BASE_IMAGE} AS tools
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore
# pip in a venv of its own, so that the venv which it fills holds none.
RUN python3 -m venv /opt/pip \
    && python3 -m venv --without-pip /opt/venv
# A name for the number that we run as: getpass fails for a user who is not in passwd.
RUN useradd --no-log-init --no-create-home --home-dir /tmp --shell /usr/sbin/nologin --uid 8888 storecast

# --- what every image of ours has ---
FROM ${BASE_IMAGE} AS runtime
COPY --from=tools /etc/passwd /etc/group /etc/
# The byte code is in the image already, and the root filesystem may be read-only. All that is written goes to /tmp,
# where the pod has a volume.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    STORECAST_CACHE_DIR=/tmp/storecast
WORKDIR /app

# --- serving: packages first, code second, so that a change of code keeps the large layer ---
FROM tools AS serving-packages
# Where packages come from is a matter of the place that builds. None of this reaches the image, but builders keep
# arguments in their history: for an index with a password, mount a pip.conf instead.
ARG PIP_INDEX_URL
ARG PIP_CERT
ARG PIP_DEFAULT_TIMEOUT
COPY base_requirements.txt /tmp/lock.txt
# --no-deps: the lock is the whole truth, and seldon-core's own pins contradict it. Wheels only: no compiler here.
# Byte code that does not look at file times: where a builder resets them, all of it would count as stale and every
# start would compile again.
RUN /opt/pip/bin/pip --python /opt/venv/bin/python install --quiet --no-compile \
        --no-deps --require-hashes --only-binary :all: -r /tmp/lock.txt \
    && /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib

FROM tools AS serving-code
COPY fleet /app/fleet
COPY model_wrapper /app/model_wrapper
# Readable for our user whatever the umask of the checkout was.
RUN chmod -R a+rX /app \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /app

FROM runtime AS serving
COPY --from=serving-packages /opt/venv /opt/venv
COPY --from=serving-code /app /app
# A number, because Kubernetes cannot prove of a name that it is not root; 8888 is what Seldon's operator sets.
USER 8888
# The component's port and its metrics; Seldon gives a pod's further components the numbers above.
EXPOSE 9000 6000
# The class to serve is the argument, or MODEL_NAME; no CMD, which would always win over MODEL_NAME.
ENTRYPOINT ["python", "-m", "model_wrapper"]
# Last, because they change with every build.
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="storecast" \
      org.opencontainers.image.description="Components of the Storecast inference graph" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

# --- training: the same way, on the larger lock ---
FROM tools AS training-packages
ARG PIP_INDEX_URL
ARG PIP_CERT
ARG PIP_DEFAULT_TIMEOUT
COPY requirements/training.txt /tmp/lock.txt
RUN /opt/pip/bin/pip --python /opt/venv/bin/python install --quiet --no-compile \
        --no-deps --require-hashes --only-binary :all: -r /tmp/lock.txt \
    && /opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib
# The command, as pip would write it; installing the project itself would need a build backend from outside the lock.
RUN printf '%s\n' '#!/opt/venv/bin/python' 'import sys' 'from storecast.__main__ import main' 'sys.exit(main())' \
        > /opt/venv/bin/storecast \
    && chmod 755 /opt/venv/bin/storecast

FROM tools AS training-code
COPY fleet /app/fleet
COPY training /app/training
COPY model_wrapper /app/model_wrapper
COPY graph /app/graph
COPY monitoring /app/monitoring
COPY storecast /app/storecast
# Machine code that Numba keeps is valid for the file time of its source: one that builders do not change.
RUN chmod -R a+rX /app \
    && find /app -name '*.py' -exec touch -d @0 '{}' + \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /app

# The machine code of the fit, made once here and not in every pod, Ray worker and joblib process: half a minute each.
FROM runtime AS training-compiled
COPY --from=training-packages /opt/venv /opt/venv
COPY --from=training-code /app /app
ENV NUMBA_CACHE_DIR=/opt/numba
# Numba looks into a folder only if it could write there. On a read-only root filesystem, or on another kind of
# processor than the builder's, it compiles anew.
RUN storecast synth --stores 12 --days 400 --out /tmp/chain \
    && storecast train --data /tmp/chain/train.csv --stores /tmp/chain/store.csv --calendar /tmp/chain/calendar.csv \
        --runner inprocess --home /tmp/home --dry-run > /dev/null \
    && chmod -R a+rwX /opt/numba

FROM runtime AS training
# The working folder belongs to root; without a volume and --home, work goes where our user can write.
ENV STORECAST_HOME=/tmp/storecast-home \
    NUMBA_CACHE_DIR=/opt/numba
COPY --from=training-packages /opt/venv /opt/venv
COPY --from=training-code /app /app
COPY --from=training-compiled /opt/numba /opt/numba
USER 8888
ENTRYPOINT ["storecast"]
CMD ["--help"]
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="storecast-training" \
      org.opencontainers.image.description="The storecast command: train, register, render, run" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

# Without --target the serving image is built. It stands above, so that --target serving needs no training packages.
FROM serving
