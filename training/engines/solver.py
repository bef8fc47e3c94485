"""The exact optimum of Prophet's additive model, from the products of its columns.

Prophet's log posterior, without constants, in w = (smooth coefficients, changepoint steps delta) and s = sigma_obs^2:

    -(n/2) log s - |y - Z w|^2 / (2 s) - sum_j ridge_j w_j^2 / 2 - sum |delta| / tau - 2 s

Given s it is concave in w, so its optimum is found exactly: the smooth block is eliminated, and what is left is a lasso
in at most 25 steps, solved by an active set. Given w, the best s is the positive root of 4 s^2 + n s = |y - Z w|^2.
Taking turns climbs at every step; a secant makes it quick.
"""

import numpy as np

from fleet.arrays import FloatArray, IntArray
from training.engines.compiled import compiled

FITTED, TOO_FLEXIBLE, NOT_CONVERGED, NOT_FINITE = 0, 1, 2, 3

MOST_ROUNDS = 2000
MOST_STEPS = 1000
CONVERGED = 1e-9  # relative change of s; the objective is off by the square of it
SLACK = 1e-9  # share of the penalty by which a zero step may violate optimality: rounding
LEAST_PIVOT = 1e-14  # share of a column's square that elimination must leave: under it all is rounding
LEAST_VARIANCE = 1e-12  # where the model is exact the posterior has no top; about here Stan's search stops too
SUSPICIOUS_VARIANCE = 1e-8  # a hundredth of a percent: with more columns than days it is the columns, not the store
STEEPEST, NEAR = 0.5, 0.1  # slope and relative change under which the secant leaps
DAYS_A_COLUMN, LITTLE, SAME = 2, 0.01, 0.8  # see `solve`


@compiled
def eliminate(products: FloatArray, n_first: int) -> None:
    """Gauss's elimination of the first columns of a symmetric matrix, in place, upper triangle only.

    A column that the columns before it explain but for rounding gets an infinite pivot: its coefficient will be 0.
    """
    size = len(products)
    least = LEAST_PIVOT * np.diag(products)
    for k in range(n_first):
        if not products[k, k] > least[k]:
            products[k, k] = np.inf
        pivot = products[k, k]
        for i in range(k + 1, size):
            factor = products[k, i] / pivot
            above, row = products[k, i:], products[i, i:]
            for j in range(size - i):
                row[j] -= factor * above[j]


@compiled
def back_substitute(products: FloatArray, n_first: int, w: FloatArray) -> None:
    """The eliminated coefficients, w[:n_first], that belong to the rest of `w`; the last column is the right side."""
    last = len(products) - 1
    for k in range(n_first - 1, -1, -1):
        row, known = products[k, k + 1 : last], w[k + 1 : last]
        total = products[k, last]
        for j in range(len(row)):
            total -= row[j] * known[j]
        w[k] = total / products[k, k]


@compiled
def step_on_active_set(
    quadratic: FloatArray, linear: FloatArray, penalty: float, delta: FloatArray, signs: FloatArray
) -> int:
    """Move towards the optimum of the active set with its signs, as far as no sign changes.

    Returns: position that reached zero and left the active set, -1 if the optimum was reached.
    """
    active = np.flatnonzero(signs)
    n = len(active)
    system, aim = np.empty((n + 1, n + 1)), np.empty(n)
    for i in range(n):
        for j in range(i, n):
            system[i, j] = quadratic[active[i], active[j]]
        system[i, n] = linear[active[i]] - penalty * signs[active[i]]
    eliminate(system, n)
    back_substitute(system, n, aim)
    share, dropped = 1.0, -1
    for i in range(n):
        at = active[i]
        if aim[i] * signs[at] <= 0.0:
            reach = delta[at] / (delta[at] - aim[i]) if delta[at] != 0.0 else 0.0
            if reach <= share:
                share, dropped = reach, at
    for i in range(n):
        delta[active[i]] += share * (aim[i] - delta[active[i]])
    if dropped >= 0:
        delta[dropped] = signs[dropped] = 0.0
    return dropped


@compiled
def most_violating(
    quadratic: FloatArray, linear: FloatArray, penalty: float, delta: FloatArray, signs: FloatArray
) -> int:
    """Position of the zero step that would most gladly be another, or -1; its sign is set."""
    worst, found, sign = penalty * (1.0 + SLACK), -1, 0.0
    for i in range(len(delta)):
        if signs[i] == 0.0:
            slope = linear[i]
            for j in range(len(delta)):
                slope -= quadratic[i, j] * delta[j]
            if abs(slope) > worst:
                worst, found, sign = abs(slope), i, np.sign(slope)
    if found >= 0:
        signs[found] = sign
    return found


@compiled
def lasso(quadratic: FloatArray, linear: FloatArray, penalty: float, delta: FloatArray, signs: FloatArray) -> bool:
    """Minimise delta' Q delta / 2 - linear' delta + penalty |delta|_1 by an active set, from a warm start.

    `signs`: of delta, 0 outside the active set; both are updated.  False: not done in `MOST_STEPS`.
    """
    entered = -1
    for _ in range(MOST_STEPS):
        dropped = step_on_active_set(quadratic, linear, penalty, delta, signs)
        if dropped >= 0:
            if dropped == entered:
                return True  # it entered by rounding alone
            entered = -1
            continue
        entered = most_violating(quadratic, linear, penalty, delta, signs)
        if entered < 0:
            return True
    return False


@compiled
def optimum_given_variance(
    products: FloatArray, ridge: FloatArray, variance: float, tau: float, w: FloatArray, signs: FloatArray
) -> float:
    """Write the best coefficients at that variance to `w`, from a warm start; the sum of squared residuals.

    Not finite where the products are not; negative where the lasso does not end.
    """
    n_smooth, last = len(ridge), len(products) - 1
    work = products.copy()
    for k in range(n_smooth):
        work[k, k] += variance * ridge[k]
    eliminate(work, n_smooth)
    quadratic = work[n_smooth:last, n_smooth:last].copy()
    for i in range(last - n_smooth):
        for j in range(i):
            quadratic[i, j] = quadratic[j, i]
    linear = work[n_smooth:last, last].copy()
    delta = w[n_smooth:]
    if not lasso(quadratic, linear, variance / tau, delta, signs):
        return -1.0
    back_substitute(work, n_smooth, w)
    squares = work[last, last]
    for i in range(last - n_smooth):
        for j in range(last - n_smooth):
            squares += delta[i] * quadratic[i, j] * delta[j]
        squares -= 2.0 * linear[i] * delta[i]
    for k in range(n_smooth):
        squares -= variance * ridge[k] * w[k] * w[k]
    return float(max(squares, 0.0))


@compiled
def climb(
    products: FloatArray, ridge: FloatArray, tau: float, n_days: int, start: float, w: FloatArray
) -> tuple[int, float]:
    """The optimum next to a variance: coefficients to `w`, zeros at first; `FITTED` or why not, and its variance."""
    signs = np.zeros(len(w) - len(ridge))
    variance, before, best_before = start, 0.0, 0.0
    for turn in range(MOST_ROUNDS):
        squares = optimum_given_variance(products, ridge, variance, tau, w, signs)
        if not np.isfinite(squares):
            return NOT_FINITE, 0.0
        if squares < 0.0:
            return NOT_CONVERGED, 0.0
        best = max(2.0 * squares / (n_days + np.sqrt(n_days * n_days + 16.0 * squares)), LEAST_VARIANCE)
        if best < SUSPICIOUS_VARIANCE and n_days <= len(w):
            return TOO_FLEXIBLE, 0.0
        if abs(best - variance) <= CONVERGED * best:
            return FITTED, best
        slope = (best - best_before) / (variance - before) if turn > 0 else 0.0
        before, best_before = variance, best
        # In small leaps only: beyond this optimum may lie the variances where the model is exact.
        leap = 0.0 < slope < STEEPEST and abs(best - variance) < NEAR * variance
        variance += (best - variance) / (1.0 - slope if leap else 1.0)
    return NOT_CONVERGED, 0.0


@compiled
def log_posterior(
    products: FloatArray, ridge: FloatArray, tau: float, n_days: int, variance: float, w: FloatArray
) -> float:
    """Prophet's log posterior at that variance, without constants."""
    last = len(products) - 1
    squares = products[last, last]
    for i in range(last):
        total = 0.5 * products[i, i] * w[i] - products[i, last]
        for j in range(i + 1, last):
            total += products[i, j] * w[j]
        squares += 2.0 * w[i] * total
    held = 2.0 * variance
    for i in range(last):
        held += 0.5 * ridge[i] * w[i] * w[i] if i < len(ridge) else abs(w[i]) / tau
    return float(-0.5 * (n_days * np.log(variance) + squares / variance) - held)


@compiled
def solve(
    products: FloatArray, ridge: FloatArray, tau: float, n_days: int, start: float, w: FloatArray
) -> tuple[int, float]:
    """The optimum of one store: coefficients to `w`, zeros at first; `FITTED` or why not, and sigma_obs.

    A straight line with much noise and a bent one with little can both be optima: then the higher of them. The other
    is possible only if at little noise (`LITTLE`) the residuals are less than `SAME` of these; and it is not sought
    where there are less than `DAYS_A_COLUMN`, because there it is the model that follows the noise.

    Args: products: as `gram` leaves them.  ridge: (n_smooth,).  start: the target's variance.
    """
    outcome, variance = climb(products, ridge, tau, n_days, start, w)
    if outcome == FITTED and n_days >= DAYS_A_COLUMN * len(w) and variance > LEAST_VARIANCE:
        signs = np.sign(w[len(ridge) :])
        other = w.copy()
        little = LITTLE * variance
        squares = optimum_given_variance(products, ridge, little, tau, other, signs)
        if squares < SAME * n_days * variance:
            other[:] = 0.0
            found, little = climb(products, ridge, tau, n_days, squares / n_days, other)
            there = log_posterior(products, ridge, tau, n_days, variance, w)
            if found == FITTED and log_posterior(products, ridge, tau, n_days, little, other) > there:
                w[:] = other
                variance = little
    return outcome, float(np.sqrt(variance))


@compiled
def solve_group(
    products: FloatArray, sums: FloatArray, n_days: int, starts: FloatArray, ridge: FloatArray, tau: float
) -> tuple[FloatArray, FloatArray, IntArray]:
    """The optima of all stores of one design group.

    Args:    products: as of `gram.design_products`; the last column is written over.  sums: (n_stores, size) as of
             `gram.target_products`.  starts: (n_stores,) the targets' variances.  ridge: (n_stores, n_smooth) inverse
             prior variances.
    Returns: (n_stores, n_smooth + n_hinges) coefficients, (n_stores,) sigma_obs, (n_stores,) `FITTED` or why not.
    """
    n_stores, size = sums.shape
    w = np.zeros((n_stores, size - 1))
    sigma, outcome = np.zeros(n_stores), np.zeros(n_stores, dtype=np.int64)
    for row in range(n_stores):
        for i in range(size):
            products[i, size - 1] = sums[row, i]
        outcome[row], sigma[row] = solve(products, ridge[row], tau, n_days, starts[row], w[row])
    return w, sigma, outcome
