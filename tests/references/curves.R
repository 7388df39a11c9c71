# Bases of curves, and a cyclic P-spline at a given smoothing parameter, by R's splines, stats and
# mgcv: `Rscript tests/references/curves.R` writes curves.csv (data, columns, fit) beside this file.
library(mgcv)
library(splines)
argument <- grep("^--file=", commandArgs(FALSE), value = TRUE)
folder <- dirname(sub("^--file=", "", argument))
set.seed(3)
x <- round(sort(rgamma(60, 2)), 3)
hour <- round(runif(60, 0, 24), 2)
y <- round(sin(2 * pi * hour / 24) + cos(4 * pi * hour / 24) + rnorm(60, sd = 0.4), 3)
knots <- unname(quantile(unique(x), seq(0, 1, length.out = 5)))
cr <- smoothCon(s(x, bs = "cr", k = 5), data.frame(x), knots = list(x = knots), absorb.cons = TRUE,
                scale.penalty = FALSE)[[1]]$X
wheel <- gam(y ~ s(hour, bs = "cp", k = 8, m = c(2, 2), sp = 2.5), knots = list(hour = c(0, 24)),
             control = gam.control(scalePenalty = FALSE))
columns <- data.frame(x, hour, y, unclass(bs(x, df = 5)), cr, unclass(poly(x, 3)), fitted(wheel))
names(columns) <- c("x", "hour", "y", paste0("bs", 1:5), paste0("cr", 1:4), paste0("poly", 1:3),
                    "wheel")
write.csv(signif(columns, 15), file.path(folder, "curves.csv"), row.names = FALSE, quote = FALSE)
