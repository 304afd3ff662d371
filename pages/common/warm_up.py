"""What would take long at a visit, done while the server starts: torch is imported, the first encoder is opened."""

import gc
import os


def warm_up() -> None:
    """Imports what every page needs, and has the worker open the encoder that pages begin with.

    Threads of torch that have nothing to do sleep. By default they keep their cores busy, which a browser on the same machine
    wants just then: on two cores, Explain came after 52 s instead of 14.

    What is imported stays for good, so the garbage collector need not look at it again. Streamlit has it look at everything
    after every run of a page or fragment: 0.3 s for the half million objects of the packages, 0.01 s for what is left.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # torch reads it when it is imported
    from pages.common import jobs
    from pages.common.encoder_choice import PREFERRED_ENCODER

    gc.collect()
    gc.freeze()
    jobs.service().open_encoder(PREFERRED_ENCODER)
