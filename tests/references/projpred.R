# Projection predictive selection by R's projpred: `Rscript tests/references/projpred.R` writes
# projpred.csv (the data), projpred_draws.csv (draws of the reference models) and projpred.json
# (what projpred makes of them) beside this file. The draws of a reference are those of the normal
# approximation at the estimate of `glm`; what projpred does with draws does not hang on it.
suppressMessages(library(projpred))
# Submodels are fitted by `glm` itself, without projpred's ridge, until it stands.
options(projpred.glm_fitter = "fit_glm_callback")
exactly <- glm.control(epsilon = 1e-13, maxit = 200)
argument <- grep("^--file=", commandArgs(FALSE), value = TRUE)
folder <- dirname(sub("^--file=", "", argument))
set.seed(20240229)
n <- 120
S <- 100
SHOWN <- 10 # draws whose projections are written
X <- matrix(rnorm(n * 5), n)
X[, 2] <- 0.6 * X[, 1] + 0.8 * X[, 2]
X <- round(X, 4)
colnames(X) <- paste0("x", 1:5)
g <- factor(sample(c("a", "b", "c"), n, replace = TRUE))
eta <- X %*% c(0.7, 0, 0.5, 0, 0.15) + c(0, 0.8, -0.6)[g]
data <- data.frame(
  X, g,
  gaussian = round(drop(0.3 + eta + rnorm(n)), 4),
  binomial = rbinom(n, 1, plogis(0.2 + 1.5 * eta)),
  poisson = rpois(n, exp(0.3 + 0.6 * eta))
)
write.csv(data, file.path(folder, "projpred.csv"), row.names = FALSE)
predictors <- c(colnames(X), "g")

draws_of <- function(family) {
  fit <- glm(reformulate(predictors, family), family = family, data = data)
  root <- chol(vcov(fit))
  w <- sweep(matrix(rnorm(S * ncol(root)), S) %*% root, 2, coef(fit), "+")
  colnames(w) <- names(coef(fit))
  sigma <- sqrt(sum(residuals(fit)^2) / rchisq(S, fit$df.residual))
  round(cbind(w, sigma = if (family == "gaussian") sigma else NA), 5)
}

selected <- function(family, draws) {
  formula <- reformulate(predictors, family)
  w <- draws[, colnames(draws) != "sigma"]
  reference <- init_refmodel(
    object = list(),
    data = data,
    formula = formula,
    family = get(family)(),
    ref_predfun = function(fit, newdata) {
      newdata <- if (is.null(newdata)) data else newdata
      model.matrix(formula[-2], newdata) %*% t(w)
    },
    extract_model_data = function(object, newdata, wrhs = NULL, orhs = NULL, extract_y = TRUE) {
      newdata <- if (is.null(newdata)) data else newdata
      list(
        y = if (extract_y) newdata[[family]], weights = rep(1, nrow(newdata)),
        offset = rep(0, nrow(newdata))
      )
    },
    dis = if (family == "gaussian") draws[, "sigma"]
  )
  # Warnings are of shares as responses, and of high k-hats, since there are few draws.
  found <- suppressWarnings(cv_varsel(
    reference,
    method = "forward", cv_method = "LOO", validate_search = FALSE, ndraws = S, ndraws_pred = S,
    nclusters = NULL, seed = 1, verbose = FALSE, control = exactly
  ))
  steps <- summary(found, stats = "elpd", type = c("mean", "se"), deltas = FALSE)$selection
  against <- summary(
    found,
    stats = "elpd", type = c("mean", "se", "upper"), alpha = 0.32, deltas = TRUE
  )$selection
  projected <- suppressWarnings(project(
    reference,
    solution_terms = solution_terms(found)[1:2], ndraws = S, control = exactly
  ))
  list(
    order = solution_terms(found),
    ce = found$ce,
    elpd = steps$elpd.loo,
    se = steps$se,
    elpd_diff = against$elpd.loo,
    diff_se = against$se,
    upper = against$upper,
    suggested = suggest_size(found),
    reference_elpd = sum(found$summaries$ref$lppd),
    two_terms = as.data.frame(as.matrix(projected)[1:SHOWN, ])
  )
}

json <- function(value) {
  if (is.data.frame(value)) return(json(as.list(value)))
  if (is.list(value)) {
    inner <- sprintf('"%s": %s', names(value), vapply(value, json, ""))
    return(sprintf("{%s}", paste(inner, collapse = ",\n ")))
  }
  text <- sprintf(if (is.numeric(value)) "%.12g" else '"%s"', value)
  if (length(value) == 1) text else sprintf("[%s]", paste(text, collapse = ", "))
}

families <- c("gaussian", "binomial", "poisson")
draws <- sapply(families, draws_of, simplify = FALSE)
every <- do.call(rbind, lapply(families, function(family) {
  data.frame(family, draws[[family]], check.names = FALSE)
}))
write.csv(every, file.path(folder, "projpred_draws.csv"), row.names = FALSE, na = "")
results <- sapply(families, function(f) selected(f, draws[[f]]), simplify = FALSE)
made <- list("made by" = sprintf("projpred %s, %s", packageVersion("projpred"), R.version.string))
writeLines(json(c(made, results)), file.path(folder, "projpred.json"))
