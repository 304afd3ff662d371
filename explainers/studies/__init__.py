"""Studies: what the papers claim, measured against truth, on any encoder. Above the service, whose worker answers them.

A study states its question, its measure, and what it does not show; its result is tables and figures with their spread over
seeds, and one sentence that follows from them. To add one:

    explainers/studies/<name>.py     ``run(question, observatory, progress)`` -> Findings, and the row ``STUDY = Study(...)``
    explainers/studies/table.py      the row in STUDIES; page, command line and documents then have it
    tests/explainers/studies/        its steps by hand, and one run with tiny encoders
    assets/docs/methods.md           how it is computed

    settings.py   StudySettings: encoders, scenes, seeds, input size
    truths.py     photos with what is true of them; fresh scenes
    findings.py   tables, figures, the sentence: what a study gives back
    spread.py     means over photos, spread over seeds
    looking.py    maps of photos by any encoder
    study.py      the row Study, the question RunStudy, StudyResult, run_study
    records.py    a result as JSON and CSV, for page and command line alike
    kept.py       results on disk
    runs.py       the runs of a process

``run`` works in the one worker thread. It calls ``progress.report`` between its steps, which lets others have their turn, so it
must hold no lock and no hook there. It opens encoders with ``observatory.encoder(name, progress)`` and may call other answers
directly (``explainers.service.photos.segment`` and the like). Batches are the observatory's.
"""
