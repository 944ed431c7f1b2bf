FROM python:3.11-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 factory
USER factory
WORKDIR /home/factory/app
ENV PATH=/home/factory/.local/bin:$PATH HOST=0.0.0.0 PORT=7860

COPY --chown=factory requirements.txt .
RUN pip install --user --no-cache-dir -r requirements.txt
COPY --chown=factory . .

EXPOSE 7860
# tini reaps what ends and passes on the signal to stop.
ENTRYPOINT ["tini", "--"]
CMD ["sh", "-c", "python -m core.builtin && exec python app.py"]
