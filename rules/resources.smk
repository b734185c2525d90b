# What each job asks a scheduler for: its estimate with room to spare, and more after a failure.
ESTIMATES = Estimates(PLAN, ASSUMED["cpu"], RAW_FILES)


# The size that a job trains, and on how many tokens.
def trained(wildcards):
    if "trial" in wildcards.keys():
        trial = PLAN.trials[wildcards.trial]
        return trial.size, trial.n_tokens
    if "run" in wildcards.keys():
        run = PLAN.runs[wildcards.run]
        return run.size, run.n_tokens - PLAN.start(run)
    tokens = int(wildcards.tokens)
    return wildcards.size, tokens - PLAN.state_before(wildcards.size, tokens)


def training_minutes(wildcards, attempt):
    return minutes_to_ask(ESTIMATES.training_seconds(*trained(wildcards)), attempt)


def training_mb(wildcards, attempt):
    return mb_to_ask(ESTIMATES.training_mb(trained(wildcards)[0]), attempt)


def evaluation_minutes(wildcards, attempt):
    seconds = ESTIMATES.evaluation_seconds(PLAN.runs[wildcards.run])
    return minutes_to_ask(seconds, attempt)


def text_minutes(wildcards, attempt):
    return minutes_to_ask(ESTIMATES.text_seconds(), attempt)


def text_mb(wildcards, attempt):
    return mb_to_ask(ESTIMATES.text_mb(), attempt)


def analysis_minutes(wildcards, attempt):
    return minutes_to_ask(ANALYSIS_SECONDS, attempt)


def analysis_mb(wildcards, attempt):
    return mb_to_ask(ANALYSIS_MB, attempt)
