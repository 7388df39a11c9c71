# Negative binomial regression by R's MASS::glm.nb: `Rscript tests/references/glm_nb.R` writes
# glm_nb.csv (the data) and glm_nb.json (what R finds) beside this file.
library(MASS)
argument <- grep("^--file=", commandArgs(FALSE), value = TRUE)
folder <- dirname(sub("^--file=", "", argument))
set.seed(20240229)
n <- 150
x <- round(rnorm(n), 4)
g <- rep(0:1, length.out = n)
y <- rnbinom(n, size = 1.5, mu = exp(0.8 + 0.5 * x - 0.4 * g))
write.csv(data.frame(y, x, g), file.path(folder, "glm_nb.csv"), row.names = FALSE)
fit <- glm.nb(y ~ x + g, control = glm.control(epsilon = 1e-14, maxit = 500))
number <- function(value) format(unname(value), digits = 15)
writeLines(c(
  "{",
  sprintf('  "made by": "MASS %s, %s",', packageVersion("MASS"), R.version.string),
  sprintf('  "intercept": %s,', number(coef(fit)[1])),
  sprintf('  "x": %s,', number(coef(fit)[2])),
  sprintf('  "g": %s,', number(coef(fit)[3])),
  sprintf('  "theta": %s,', number(fit$theta)),
  sprintf('  "log_likelihood": %s', number(as.numeric(logLik(fit)))),
  "}"
), file.path(folder, "glm_nb.json"))
