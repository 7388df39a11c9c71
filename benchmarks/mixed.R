# Usage: Rscript mixed.R FOLDER package family n p groupings slopes
# Reads X.bin and groups.bin (column-major), y.bin, and of a binomial family trials.bin; writes
# out.bin: seconds, then the intercept and the coefficients.
arguments <- commandArgs(trailingOnly = TRUE)
place <- function(name) file.path(arguments[1], name)
package <- arguments[2]
family <- arguments[3]
n <- as.integer(arguments[4])
p <- as.integer(arguments[5])
groupings <- as.integer(arguments[6])
suppressMessages(library(package, character.only = TRUE))
data <- as.data.frame(matrix(readBin(place("X.bin"), "double", n * p), n, p))
names(data) <- paste0("x", seq_len(p) - 1)
groups <- matrix(readBin(place("groups.bin"), "double", n * groupings), n, groupings)
for (k in seq_len(groupings)) data[[paste0("g", k - 1)]] <- factor(groups[, k])
data$y <- readBin(place("y.bin"), "double", n)
left <- "y"
if (family == "binomial") {
  data$trials <- readBin(place("trials.bin"), "double", n)
  left <- "cbind(y, trials - y)"
}
each <- if (arguments[7] == "TRUE") "x0" else "1"
effects <- paste0("(", each, " | g", seq_len(groupings) - 1, ")")
text <- paste(left, "~", paste(c(paste0("x", seq_len(p) - 1), effects), collapse = " + "))

fit <- function(data) {
  text <- as.formula(text)
  if (package == "glmmTMB") return(glmmTMB(text, data, family = family))
  if (family == "gaussian") return(lmer(text, data))
  glmer(text, data, family = family)
}

began <- as.numeric(Sys.time())
fitted <- fit(data)
seconds <- as.numeric(Sys.time()) - began
coefficients <- if (package == "glmmTMB") fixef(fitted)$cond else fixef(fitted)
out <- file(place("out.bin"), "wb")
writeBin(c(seconds, unname(coefficients)), out)
close(out)
