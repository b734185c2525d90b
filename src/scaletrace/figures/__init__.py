"""Figures, one a file; a study draws them all and may give each a title of its own.

A figure's module has
    TITLE: what stands above the axes where the study gives no title,
    CAPTION: what the report says below it, in reStructuredText,
    DRAWS: names of what it is drawn from: "observations", "fits", "curves" (of runs and trunks,
        whose names the settings give), "tuning" (laws of the learning rate with their trials, and
        the N between which to draw them), "coordinate_check" (first steps of models),
    NEEDS: those of them without which it has nothing to draw: there is none where a study has
        no such thing,
    POINTS, where a point is a run: what it stands at, "n" or "d", and shows, "loss" or "residual":
        `scaletrace audit` finds each again in the table or the fit that it is drawn from,
    read(inputs, settings) -> content, from `drawing.inputs`,
    rows(content) -> every point and every sample of a line, as they go to the figure's CSV,
    draw(content, rows, title) -> a Matplotlib figure of those rows.
The plan reads the capitals, so what is slow to import, functions import themselves.
"""
