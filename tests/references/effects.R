# Marginal means, contrasts and trends by R's emmeans: `Rscript tests/references/effects.R` writes
# effects.json (the data, all from R's own datasets and MASS, and what R finds) beside this file.
# Intervals are 94% and not adjusted for their number.
library(emmeans)
library(MASS)
library(nnet)
library(jsonlite)
argument <- grep("^--file=", commandArgs(FALSE), value = TRUE)
folder <- dirname(sub("^--file=", "", argument))
emm_options(summary = list(level = 0.94, adjust = "none", infer = c(TRUE, FALSE)))

plain_factors <- function(data) {
  ordered <- sapply(data, is.ordered)
  data[ordered] <- lapply(data[ordered], factor, ordered = FALSE)
  data
}
infertility <- infert[c("case", "education", "age", "spontaneous", "induced")]
cancer <- transform(plain_factors(esoph), n = ncases + ncontrols)
cancer <- cancer[cancer$n > 0, ]
cars <- transform(mtcars[c("mpg", "hp", "wt", "am", "cyl", "carb")], cyl = factor(cyl),
                  carb = factor(carb))
ship <- as.data.frame(Titanic)
ship$survived <- as.numeric(ship$Survived == "Yes")
ship <- ship[ship$Freq > 0, c("survived", "Class", "Sex", "Age", "Freq")]
claims <- plain_factors(Insurance)
levels <- read.csv(file.path(folder, "levels.csv"))
levels$order <- factor(levels$grade, ordered = TRUE)

tight <- glm.control(epsilon = 1e-15, maxit = 100)

told <- list()
tell <- function(name, grid) {
  # The summary of a grid as columns: its labels, then estimate, error, df and ends.
  table <- as.data.frame(summary(grid))
  ends <- c(asymp.LCL = "lower", lower.CL = "lower", asymp.UCL = "upper", upper.CL = "upper")
  own <- match(names(table), names(ends))
  names(table)[!is.na(own)] <- ends[own[!is.na(own)]]
  where <- which(names(table) == "SE") - 1
  names(table)[where] <- "estimate"
  factors <- sapply(table, is.factor)
  table[factors] <- lapply(table[factors], as.character)
  told[[name]] <<- as.list(table[setdiff(names(table), "null")])
}

warp <- lm(breaks ~ wool * tension, warpbreaks)
tell("warp cells", emmeans(warp, ~ tension | wool))
tell("warp wool", suppressMessages(emmeans(warp, ~ wool)))
tell("warp tension pairs", pairs(emmeans(warp, ~ tension | wool), reverse = TRUE))
tell("warp wool pairs", pairs(emmeans(warp, ~ wool | tension), reverse = TRUE))
tell("warp interaction", contrast(emmeans(warp, ~ wool * tension), interaction = "revpairwise",
                                  by = NULL))
counted <- glm(breaks ~ wool * tension, poisson, warpbreaks, control = tight)
tell("breaks cells", emmeans(counted, ~ tension | wool, type = "response"))
tell("breaks ratios", pairs(emmeans(counted, ~ tension | wool, type = "response"), reverse = TRUE))
tell("breaks wool", suppressMessages(emmeans(regrid(emmeans(counted, ~ tension * wool)), ~ wool)))
tell("breaks differences", pairs(regrid(emmeans(counted, ~ tension | wool)), reverse = TRUE))

insured <- glm(Claims ~ District + Group + Age + offset(log(Holders)), poisson, claims,
               control = tight)
tell("claims rates", emmeans(insured, ~ Age, offset = 0, type = "response"))
tell("claims ratios", contrast(emmeans(insured, ~ Age, offset = 0, type = "response"),
                               "trt.vs.ctrl1"))
tell("claims rates of cells", emmeans(insured, ~ Age | Group, at = list(District = "2"), offset = 0,
                                      type = "response"))
per_100 <- emmeans(insured, ~ Age, at = list(District = "1", Group = "<1l"), offset = log(100))
tell("claims per 100", regrid(per_100))
tell("claims differences", contrast(regrid(per_100), "trt.vs.ctrl1"))

case <- glm(case ~ education * age + spontaneous + induced, binomial, infertility,
            control = tight)
at <- list(spontaneous = 1, induced = 0)
tell("case cells", emmeans(case, ~ education | age, at = c(at, list(age = c(25, 35))),
                           type = "response"))
tell("case odds", pairs(emmeans(case, ~ education, at = c(at, list(age = 30)), type = "response"),
                        reverse = TRUE))
tell("case differences", pairs(regrid(emmeans(case, ~ education, at = c(at, list(age = 30)))),
                               reverse = TRUE))
tell("case ratios", pairs(regrid(emmeans(case, ~ education, at = c(at, list(age = 30))), "log"),
                          reverse = TRUE, type = "response"))
tell("case trends of eta", emtrends(case, ~ education, var = "age", at = at))
tell("case trends", emtrends(case, ~ education, var = "age", at = c(at, list(age = 30)),
                             regrid = "response", delta.var = 1e-5))

cases <- glm(cbind(ncases, ncontrols) ~ agegp + alcgp + tobgp, binomial, cancer, control = tight)
tell("cancer cells", emmeans(cases, ~ alcgp, at = list(agegp = "55-64", tobgp = "0-9g/day"),
                             type = "response"))
tell("cancer odds", contrast(emmeans(cases, ~ alcgp, type = "response"), "trt.vs.ctrl1"))
probit <- glm(cbind(ncases, ncontrols) ~ alcgp + tobgp, binomial("probit"), cancer, control = tight)
tell("cancer probit", emmeans(probit, ~ alcgp | tobgp, type = "response"))

mileage <- lm(mpg ~ hp * cyl + wt, cars)
tell("mileage trends", emtrends(mileage, ~ cyl, var = "hp"))
tell("mileage trend pairs", pairs(emtrends(mileage, ~ cyl, var = "hp"), reverse = TRUE))
tell("mileage means", emmeans(mileage, ~ cyl))
tell("mileage at", emmeans(mileage, ~ cyl | hp, at = list(hp = c(90, 150), wt = 3)))
log_link <- glm(mpg ~ hp + wt, Gamma("log"), cars, control = tight)
tell("gamma means", emmeans(log_link, ~ hp, at = list(hp = c(90, 150, 220)), type = "response"))
tell("gamma trends", emtrends(log_link, ~ hp, var = "hp", at = list(hp = c(90, 150, 220)),
                              regrid = "response", delta.var = 1e-4))

# Observed counts as weights: each cell of the ship's table counts as so many people.
rescue <- glm(survived ~ Class * Sex + Age, binomial, ship, weights = Freq, control = tight)
tell("ship cells", emmeans(rescue, ~ Sex | Class, at = list(Age = "Adult"), type = "response"))
tell("ship odds", pairs(emmeans(rescue, ~ Sex | Class, type = "response"), reverse = TRUE))

graded <- polr(order ~ x + z, levels, Hess = TRUE, control = list(reltol = 1e-16, maxit = 2000))
tell("grade chances", emmeans(graded, ~ order | x, mode = "prob", at = list(x = c(-1, 1), z = 0)))
labelled <- multinom(label ~ x + z, levels, Hess = TRUE, trace = FALSE, reltol = 1e-16, abstol = 0,
                     maxit = 2000)
tell("label chances", emmeans(labelled, ~ label | x, mode = "prob", at = list(x = c(-1, 1), z = 0)))

text <- list(
  "made by" = sprintf("emmeans %s, MASS %s, nnet %s, %s", packageVersion("emmeans"),
                      packageVersion("MASS"), packageVersion("nnet"), R.version.string),
  data = list(warp = warpbreaks, claims = claims, infertility = infertility,
              cancer = cancer[c("agegp", "alcgp", "tobgp", "ncases", "n")], cars = cars,
              ship = ship),
  told = told
)
text$data <- lapply(text$data, function(data) {
  factors <- sapply(data, is.factor)
  data[factors] <- lapply(data[factors], as.character)
  as.list(data)
})
writeLines(toJSON(text, digits = NA, auto_unbox = TRUE, na = "null"),
           file.path(folder, "effects.json"))
