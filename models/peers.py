"""What a model is compared with on the same rows and features: the naive rule and a logistic regression."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[np.float64]

ITERATIONS = 100


def logistic(fit_on: pd.DataFrame, score_on: pd.DataFrame, features: tuple[str, ...]) -> Array:
    """Chance by logistic regression: medians where null, a flag for each null, scaled to unit variance.

    fit_on: features, label and weight of mature rows. score_on: the same features. Returns (n,) chances.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    columns = [name for name in features if fit_on[name].notna().any()]
    model = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True),
        StandardScaler(),
        LogisticRegression(solver="newton-cholesky", max_iter=ITERATIONS),
    )
    model.fit(
        fit_on[columns].to_numpy(np.float64),
        fit_on["label"].to_numpy(int),
        logisticregression__sample_weight=fit_on["weight"].to_numpy(float),
    )
    return np.asarray(model.predict_proba(score_on[columns].to_numpy(np.float64))[:, 1], dtype=np.float64)
