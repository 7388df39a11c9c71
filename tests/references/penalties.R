# Penalised fits by R's glmnet and mgcv: `Rscript tests/references/penalties.R` reads penalties.csv,
# which penalties.py makes, and writes penalties_R.json (what each was told, and found) beside it.
library(glmnet)
library(mgcv)
library(jsonlite)
argument <- grep("^--file=", commandArgs(FALSE), value = TRUE)
folder <- dirname(sub("^--file=", "", argument))
data <- read.csv(file.path(folder, "penalties.csv"))
x <- as.matrix(data[c("a", "b", "c", "d")])
n <- nrow(x)
sd_n <- function(v) sqrt(mean((v - mean(v))^2))
sds <- unname(apply(x, 2, sd_n))
found <- list()
add <- function(convention, family, settings, known, intercept, coefficients) {
  found[[length(found) + 1]] <<- list(
    convention = unbox(convention), family = unbox(family), settings = settings, known = known,
    intercept = unbox(as.numeric(intercept)), coefficients = unname(coefficients)
  )
}

words <- c(gaussian = "gaussian", bernoulli = "binomial", poisson = "poisson",
           categorical = "multinomial")
by_glmnet <- function(family, lambda, alpha, standardize = TRUE, penalty.factor = NULL,
                      lower.limits = NULL, object = NULL) {
  more <- list(penalty.factor = penalty.factor, lower.limits = lower.limits)
  more <- more[!sapply(more, is.null)]
  # A path that ends at the lambda asked for: glmnet's warm starts are then exact.
  path <- lambda * c(8, 4, 2, 1)
  fit <- do.call(glmnet, c(list(x, data[[family]], lambda = path,
                                family = if (is.null(object)) words[[family]] else object,
                                alpha = alpha, standardize = standardize, thresh = 1e-26,
                                maxit = 1e8), more))
  settings <- c(list(lambda = unbox(lambda), alpha = unbox(alpha),
                     standardize = unbox(standardize),
                     family = unbox(if (is.null(object)) words[[family]] else object$family)),
                more[names(more) == "penalty.factor"],
                lapply(more[names(more) == "lower.limits"], unbox))
  known <- list(n = unbox(n))
  if (standardize) known$sds <- sds
  if (!is.null(object)) {
    known <- c(known, if (family == "gaussian") list(sigma = unbox(0.7)) else list(phi = unbox(0.3)))
  } else if (family == "gaussian") known <- c(known, list(sigma = unbox(0.7), sd_y = unbox(sd_n(data$gaussian))))
  if (family == "categorical") {
    b <- t(sapply(coef(fit), function(one) as.numeric(one[, 4])))
    add("glmnet", family, settings, known, NA, unname(b[, -1]))
  } else {
    b <- as.numeric(coef(fit)[, 4])
    name <- if (is.null(object)) "glmnet" else "glmnet.glm"
    add(name, family, settings, known, b[1], b[-1])
  }
}
glmnet.control(epsnr = 1e-15, mxitnr = 1000)
by_glmnet("gaussian", 0.2, 0.4, object = gaussian())
by_glmnet("gamma", 0.1, 0.4, object = Gamma("log"))
by_glmnet("gamma", 0.1, 0, standardize = FALSE, object = Gamma("log"))
by_glmnet("poisson", 0.1, 1, object = poisson())
by_glmnet("gaussian", 0.2, 1)
by_glmnet("gaussian", 0.2, 0)
by_glmnet("gaussian", 0.2, 0.4, standardize = FALSE)
by_glmnet("gaussian", 0.2, 0.4)
by_glmnet("gaussian", 0.1, 1, standardize = FALSE, penalty.factor = c(1, 0.5, 2, 0.5))
by_glmnet("gaussian", 0.05, 1, standardize = FALSE, lower.limits = 0)
by_glmnet("poisson", 0.1, 0.5)
by_glmnet("poisson", 0.1, 0, standardize = FALSE)
by_glmnet("bernoulli", 0.05, 1, penalty.factor = c(1, 0.5, 2, 3))
by_glmnet("bernoulli", 0.05, 0)
by_glmnet("categorical", 0.05, 0.5)
by_glmnet("categorical", 0.05, 0, standardize = FALSE)

# P-splines: B-splines of degree 3, a penalty on differences of their coefficients; and by paraPen a
# block of columns, x itself. What is compared is eta, whatever parts the curve from the intercept;
# B-splines add up to one, and hold it.
splines <- smoothCon(s(a, bs = "ps", k = 8, m = c(2, 2)), data)[[1]]$X
by_mgcv <- function(family, link, sp, m, known = list(), scale = 1) {
  smooth <- smoothCon(s(a, bs = "ps", k = 8, m = c(2, m)), data)[[1]]
  fit <- gam(data[[family]] ~ s(a, bs = "ps", k = 8, m = c(2, m)), family = link, data = data,
             sp = sp, scale = scale, control = gam.control(epsilon = 1e-14, maxit = 500))
  settings <- list(sp = unbox(sp), S.scale = unbox(smooth$S.scale), family = unbox(link$family))
  found[[length(found) + 1]] <<- list(
    convention = unbox("mgcv"), family = unbox(family), settings = settings,
    known = c(list(order = unbox(m)), known), block = unbox("splines"), eta = unname(c(predict(fit))))
}
by_mgcv("poisson", poisson(), 0.8, 2)
by_mgcv("poisson", poisson(), 2.5, 1)
by_mgcv("bernoulli", binomial(), 1.5, 2)
by_mgcv("gaussian", gaussian(), 3, 2, known = list(sigma = unbox(0.7)), scale = 0.49)
by_mgcv("gamma", Gamma("log"), 1.2, 2, known = list(phi = unbox(0.3)), scale = 0.3)
S <- crossprod(diff(diag(4)))
fit <- gam(poisson ~ x, family = poisson(), data = data, paraPen = list(x = list(S, sp = 4)),
           control = gam.control(epsilon = 1e-14))
found[[length(found) + 1]] <- list(
  convention = unbox("mgcv"), family = unbox("poisson"),
  settings = list(sp = unbox(4), family = unbox("poisson")), known = list(order = unbox(1)),
  block = unbox("columns"), eta = unname(c(predict(fit))))
# Random effects of six levels that take turns.
g <- factor((seq_len(n) - 1) %% 6)
for (phi in c(1, 0.3)) {
  family <- if (phi == 1) poisson() else Gamma("log")
  name <- if (phi == 1) "poisson" else "gamma"
  fit <- gam(data[[name]] ~ s(g, bs = "re"), family = family, sp = 2, scale = phi,
             control = gam.control(epsilon = 1e-14, maxit = 500))
  found[[length(found) + 1]] <- list(
    convention = unbox("mgcv.re"), family = unbox(name),
    settings = list(sp = unbox(2), family = unbox(family$family)),
    known = if (phi == 1) list(n = unbox(n)) else list(phi = unbox(phi)), block = unbox("levels"),
    eta = unname(c(predict(fit))))
}
made_by <- sprintf("glmnet %s, mgcv %s, %s", packageVersion("glmnet"), packageVersion("mgcv"),
                   R.version.string)
write(toJSON(list("made by" = unbox(made_by), fits = found, splines = splines), digits = 15, na = "null"),
      file.path(folder, "penalties_R.json"))
