"""What theory says of an M/M/1 queue beyond what simmig needs to simulate one. Rates are per second."""

import math

from scipy.integrate import quad
from scipy.special import ive


def wait_sd_s(arrival_per_s: float, service_per_s: float) -> float:
    """The standard deviation of the wait, sqrt(rho (2 - rho)) / (mu - lambda)."""
    rho = arrival_per_s / service_per_s
    return math.sqrt(rho * (2.0 - rho)) / (service_per_s - arrival_per_s)


def p_empty_at(time_s: float, arrival_per_s: float, service_per_s: float) -> float:
    """The probability P00 that a queue empty at 0 is empty at `time_s` > 0, to about 1e-10.

    P00 = 1 - rho F(t), with F the law of the busy period, whose density is
    e^{-(lambda + mu) t} I1(2 t sqrt(lambda mu)) / (t sqrt(rho)).
    """
    decay_per_s = (math.sqrt(service_per_s) - math.sqrt(arrival_per_s)) ** 2
    root_per_s = math.sqrt(arrival_per_s * service_per_s)

    def rho_times_density(y: float) -> float:
        t = time_s * math.exp(-y)  # spreads the scales of t, from one service to the relaxation time
        return arrival_per_s / root_per_s * float(ive(1, 2.0 * t * root_per_s)) * math.exp(-decay_per_s * t)

    value, _ = quad(rho_times_density, 0.0, 60.0, epsabs=1e-11, epsrel=1e-11, limit=400)
    return 1.0 - float(value)
