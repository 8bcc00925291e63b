"""How well does a sparse polynomial predict the progress of diabetes? An ordinary module of plain functions.

Nothing here knows that its results are kept: ``sweep.py`` wraps these functions from outside.
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler


class NotConverged(RuntimeError):
    """The fit stopped before it had found the optimum: its coefficients mean nothing."""


def split(seed=0, test_size=0.25):
    """The 442 patients at random in two groups: (x_train, x_test, y_train, y_test)."""
    x, y = load_diabetes(return_X_y=True)
    return tuple(train_test_split(x, y, test_size=test_size, random_state=seed))


def fit(seed=0, test_size=0.25, degree=1, alpha=1.0, max_iter=300):
    """Least squares on all monomials up to ``degree``, with the penalty ``alpha`` on the sum of coefficients."""
    x_train, _, y_train, _ = split(seed, test_size)
    model = make_pipeline(
        StandardScaler(),
        PolynomialFeatures(degree, include_bias=False),
        StandardScaler(),
        Lasso(alpha=alpha, max_iter=max_iter),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            return model.fit(x_train, y_train)
        except ConvergenceWarning as warning:
            raise NotConverged(
                f"no optimum after {max_iter} iterations (degree {degree}, alpha {alpha:g})"
            ) from warning


def score(seed=0, test_size=0.25, degree=1, alpha=1.0):
    """Of the patients left out: variance explained, mean absolute error; and how many terms the model uses."""
    model = fit(seed, test_size, degree, alpha)
    _, x_test, _, y_test = split(seed, test_size)
    predicted = model.predict(x_test)
    return (
        float(r2_score(y_test, predicted)),
        float(mean_absolute_error(y_test, predicted)),
        int(np.count_nonzero(model[-1].coef_)),
    )
