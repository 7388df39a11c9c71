# Responses with levels by R's MASS::polr and nnet::multinom: `Rscript tests/references/levels.R`
# writes levels.csv (the data) and levels.json (what R finds) beside this file.
library(MASS)
library(nnet)
argument <- grep("^--file=", commandArgs(FALSE), value = TRUE)
folder <- dirname(sub("^--file=", "", argument))
set.seed(20240301)
n <- 240
x <- round(rnorm(n), 4)
z <- round(rnorm(n), 4)
offset <- round(0.3 * rnorm(n), 4)
grade <- findInterval(0.8 * x - 0.5 * z + offset + rlogis(n), c(-1.2, 0.1, 1.4))
score <- cbind(0, 0.3 + 0.9 * x, -0.4 - 0.7 * z)
label <- c("a", "b", "c")[max.col(score - log(-log(matrix(runif(3 * n), n))))]
share <- exp(score) / rowSums(exp(score))
counts <- t(sapply(seq_len(n), function(i) rmultinom(1, 1 + i %% 5, share[i, ])))
colnames(counts) <- c("left", "right", "none")
data <- data.frame(grade, label, counts, x, z, offset)
write.csv(data, file.path(folder, "levels.csv"), row.names = FALSE)
data$grade <- factor(data$grade, ordered = TRUE)

# Under the cauchit link polr ends 0.004 below the maximum of its likelihood, and is left out.
number <- function(value) format(as.numeric(value), digits = 15)
numbers <- function(values) paste0("[", paste(format(values, digits = 15), collapse = ", "), "]")
of_order <- function(method) {
  fit <- polr(grade ~ x + z + offset(offset), data, method = method,
              control = list(reltol = 1e-16, maxit = 2000))
  sprintf('  "%s": {"slopes": %s, "cutpoints": %s, "log_likelihood": %s}',
          method, numbers(unname(coef(fit))), numbers(unname(fit$zeta)), number(logLik(fit)))
}
of_labels <- function(formula, name) {
  fit <- multinom(formula, data, trace = FALSE, reltol = 1e-16, abstol = 0, maxit = 2000)
  sprintf('  "%s": {"b": %s, "c": %s, "log_likelihood": %s}', name,
          numbers(unname(coef(fit)[1, ])), numbers(unname(coef(fit)[2, ])),
          number(logLik(fit)))
}
made_by <- sprintf("MASS %s, nnet %s, %s", packageVersion("MASS"), packageVersion("nnet"),
                   R.version.string)
parts <- c(
  sprintf('  "made by": "%s"', made_by),
  of_order("logistic"),
  of_order("probit"),
  of_order("cloglog"),
  of_order("loglog"),
  of_labels(label ~ x + z, "labels"),
  of_labels(cbind(left, right, none) ~ x + z, "counts")
)
writeLines(c("{", paste(parts, collapse = ",\n"), "}"), file.path(folder, "levels.json"))
