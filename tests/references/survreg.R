# Censored regression by R's survival::survreg: `Rscript tests/references/survreg.R` writes
# survreg.csv (the data) and survreg.json (what R finds) beside this file. R's weibull is one of
# log y: its intercept is log scale, its scale 1 / shape.
library(survival)
argument <- grep("^--file=", commandArgs(FALSE), value = TRUE)
folder <- dirname(sub("^--file=", "", argument))
set.seed(20240731)
n <- 160
x <- round(rnorm(n), 4)
y <- exp(0.7 + 0.4 * x) * rweibull(n, 1.6)
z <- 1.5 + 0.8 * x + rnorm(n, sd = 1.2)
limit <- round(runif(n, 0.5, 5), 3)
status <- rep(c("event", "left", "interval", "event"), length.out = n)
# What is seen of y, and of z: events up to the limit, what lies beyond it, ends of intervals.
seen <- function(value, width, shift) {
  kind <- ifelse(status == "left" & value < limit, "left",
          ifelse(status == "interval", "interval",
          ifelse(value <= limit, "none", "right")))
  low <- floor(value / width) * width + shift
  first <- ifelse(kind == "interval", low, ifelse(kind == "none", round(value, 4), limit))
  data.frame(first, second = ifelse(kind == "interval", low + width, NA), kind)
}
of_y <- seen(pmax(y, 0.01), 0.5, 0.05)
of_z <- seen(z, 0.5, 0)
write.csv(
  data.frame(x, y = of_y$first, y_upper = of_y$second, y_status = of_y$kind,
             z = of_z$first, z_upper = of_z$second, z_status = of_z$kind),
  file.path(folder, "survreg.csv"), row.names = FALSE
)
times <- function(of) {
  Surv(ifelse(of$kind == "left", NA, of$first),
       ifelse(of$kind == "right", NA, ifelse(of$kind == "interval", of$second, of$first)),
       type = "interval2")
}
control <- survreg.control(rel.tolerance = 1e-14, maxiter = 200)
number <- function(value) format(unname(value), digits = 15)
told <- function(name, fit) {
  sprintf('  "%s": {"intercept": %s, "x": %s, "scale": %s, "log_likelihood": %s}',
          name, number(coef(fit)[1]), number(coef(fit)[2]), number(fit$scale),
          number(fit$loglik[2]))
}
found <- c(
  told("weibull", survreg(times(of_y) ~ x, dist = "weibull", control = control)),
  told("exponential", survreg(times(of_y) ~ x, dist = "exponential", control = control)),
  told("gaussian", survreg(times(of_z) ~ x, dist = "gaussian", control = control))
)
writeLines(c(
  "{",
  sprintf('  "made by": "survival %s, %s",', packageVersion("survival"), R.version.string),
  paste(found, collapse = ",\n"),
  "}"
), file.path(folder, "survreg.json"))
