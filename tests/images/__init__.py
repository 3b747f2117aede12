"""The images and the compose file, built and run for real where no Docker daemon and no registry can be had.

::

    machine.Machine ──► bases ──► building ──► house.House (docker-compose up) ──► walk ──► report
       podman, buildah            an image a Dockerfile     the compose file as it is

``make images-check`` runs it; ``python -m tests.images --help`` says what can be chosen.
"""
