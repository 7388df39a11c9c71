# Usage: Rscript glmnet_path.R FOLDER family n p n_lambda thresh type.gaussian intercept
# Reads X.bin (column-major), y.bin, lambda.bin; writes out.bin: seconds, a0, beta (column-major).
suppressMessages(library(glmnet))
arguments <- commandArgs(trailingOnly = TRUE)
place <- function(name) file.path(arguments[1], name)
family <- arguments[2]
n <- as.integer(arguments[3])
p <- as.integer(arguments[4])
n_lambda <- as.integer(arguments[5])
X <- matrix(readBin(place("X.bin"), "double", n * p), n, p)
y <- readBin(place("y.bin"), "double", n)
lambda <- readBin(place("lambda.bin"), "double", n_lambda)
glmnet.control(fdev = 0, devmax = 1)

path <- function(X, y, lambda) {
  options <- list(x = X, y = y, family = family, lambda = lambda, standardize = FALSE,
                  thresh = as.double(arguments[6]), maxit = 1e7,
                  intercept = arguments[8] == "TRUE")
  if (family == "gaussian") options$type.gaussian <- arguments[7]
  do.call(glmnet, options)
}

few <- 1:min(n, 200)
if (p > 1) invisible(path(X[few, ], y[few], lambda[1:2]))
began <- as.numeric(Sys.time())
fitted <- path(X, y, lambda)
seconds <- as.numeric(Sys.time()) - began
if (length(fitted$lambda) < n_lambda) stop("glmnet ended before the last lambda")
out <- file(place("out.bin"), "wb")
writeBin(c(seconds, unname(fitted$a0), as.vector(as.matrix(fitted$beta))), out)
close(out)
