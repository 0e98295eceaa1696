# Answers of R to the tests of tests/test_r_answers.py: run it only to make them anew, the tests need no R.
#
#   Rscript benchmarks/r_answers.R tests/golden [folder with srb_denmark_monthly.csv and srb_newtaipei_2019_by_order.csv]
#
# Debian: r-base-core r-cran-hmisc r-cran-rpact r-cran-metafor r-bioc-multtest. Counts come from tests/golden/counts.csv
# (Arbuthnot 1710, Laplace 1786, edges); of the real tables of the folder only answers are written, no counts.
suppressPackageStartupMessages({
  library(Hmisc)
  library(rpact)
  library(metafor)
  library(multtest)
})
given <- commandArgs(trailingOnly = TRUE)
golden <- given[1]
options(digits = 15)
reference <- 106.3 / 206.3
made_by <- c(R.version.string, sapply(c("Hmisc", "rpact", "metafor", "multtest"), function(name)
  paste(name, packageVersion(name))))

keep <- function(table, name) {
  numbers <- sapply(table, is.numeric)
  table[numbers] <- lapply(table[numbers], function(x) format(x, digits = 15, scientific = TRUE, trim = TRUE))
  write.csv(table, file.path(golden, name), row.names = FALSE, quote = FALSE, fileEncoding = "UTF-8")
}

# Mid-p: the tail counts half of what was observed (Lancaster 1961; Agresti and Gottard 2007); bounds by uniroot.
above <- function(p, k, n) pbinom(k, n, p, lower.tail = FALSE) + dbinom(k, n, p) / 2
below <- function(p, k, n) pbinom(k - 1, n, p) + dbinom(k, n, p) / 2
root <- function(tail, k, n) uniroot(function(p) tail(p, k, n) - 0.025, c(0, 1), tol = 1e-15, maxiter = 10000)$root
midp <- function(k, n) c(if (k == 0) 0 else root(above, k, n), if (k == n) 1 else root(below, k, n))

answers <- function(k, n) {
  test <- function(side) binom.test(k, n, reference, side)$p.value
  wilson <- suppressWarnings(prop.test(k, n, correct = FALSE)$conf.int)
  other <- binconf(k, n, method = "wilson")[2:3] # replaces the bound nearest 0 or 1 at k = 1 and n - 1
  stopifnot(k <= 1 || k >= n - 1 || all.equal(as.numeric(wilson), other, tolerance = 1e-12))
  exact <- binom.test(k, n)$conf.int
  mid <- midp(k, n)
  c(minlike = test("two.sided"), greater = test("greater"), less = test("less"),
    midp = min(1, 2 * min(above(reference, k, n), below(reference, k, n))),
    exact_lower = exact[1], exact_upper = exact[2], wilson_lower = wilson[1], wilson_upper = wilson[2],
    midp_lower = mid[1], midp_upper = mid[2])
}
every <- function(table) cbind(group = table$group, as.data.frame(t(mapply(answers, table$boys, table$boys + table$girls))))

counts <- read.csv(file.path(golden, "counts.csv"), stringsAsFactors = FALSE)
binomial <- every(counts)
if (length(given) > 1) {
  months <- read.csv(file.path(given[2], "srb_denmark_monthly.csv"))
  months <- months[complete.cases(months) & months$month == 1, ]
  months$group <- paste("denmark", months$year)
  orders <- read.csv(file.path(given[2], "srb_newtaipei_2019_by_order.csv"), fileEncoding = "UTF-8")
  orders$group <- paste("newtaipei", seq_len(nrow(orders)))
  columns <- c("group", "boys", "girls")
  binomial <- rbind(binomial, every(rbind(months[, columns], orders[, columns])))
}
keep(binomial, "r_binomial.csv")

p <- binomial$midp[grepl("london", binomial$group)]
adjusted <- data.frame(p = p, holm = p.adjust(p, "holm"), bh = p.adjust(p, "BH"))
other <- mt.rawp2adjp(p, c("Holm", "BH"))
stopifnot(all.equal(other$adjp[order(other$index), c("Holm", "BH")], as.matrix(adjusted[, c("holm", "bh")]),
                    check.attributes = FALSE))
keep(adjusted, "r_adjust.csv")

# Lan and DeMets: alpha spending of O'Brien-Fleming and Pocock type, and Hwang-Shih-De Cani's with -5, one-sided, in the normal limit.
looks <- list(monthly = (1:12) / 12, quarterly = (1:4) / 4, uneven = c(0.1, 0.35, 0.5, 0.8, 1))
bounds <- function(type, alpha, name) {
  rates <- looks[[name]]
  design <- getDesignGroupSequential(typeOfDesign = type, alpha = alpha, informationRates = rates, sided = 1,
                                     gammaA = if (type == "asHSD") -5 else NA_real_)
  data.frame(type = type, alpha = alpha, looks = name, information = rates, z = design$criticalValues)
}
cases <- expand.grid(type = c("asOF", "asP", "asHSD"), alpha = c(0.05, 0.0125), name = names(looks), stringsAsFactors = FALSE)
keep(do.call(rbind, Map(bounds, cases$type, cases$alpha, cases$name)), "r_sequential.csv")

# How much the 82 years differ: chi-square (Pearson), DerSimonian and Laird with the Q-profile interval.
london <- counts[grepl("london", counts$group), ]
births <- london$boys + london$girls
share <- sum(london$boys) / sum(births)
pearson <- chisq.test(cbind(london$boys, london$girls))
fit <- rma(yi = london$boys / births, vi = share * (1 - share) / births, method = "DL")
limits <- confint(fit, type = "QP", control = list(tol = 1e-14))$random["tau", ]
keep(data.frame(chi = pearson$statistic, df = pearson$parameter, p = pearson$p.value, tau = sqrt(fit$tau2),
                tau_lower = limits["ci.lb"], tau_upper = limits["ci.ub"], row.names = NULL), "r_dispersion.csv")

# Ratio of ratios within strata, years 1629-1669 against 1670-1710 paired: Mantel and Haenszel, Robins-Breslow-Greenland.
london[c("boys", "girls")] <- lapply(london[c("boys", "girls")], as.numeric) # integers overflow in mantelhaen.test
early <- london[1:41, ]
late <- london[42:82, ]
table <- aperm(array(c(early$boys, early$girls, late$boys, late$girls), c(41, 2, 2)), c(2, 3, 1))
haenszel <- mantelhaen.test(table, correct = FALSE)
keep(data.frame(value = haenszel$estimate, lower = haenszel$conf.int[1], upper = haenszel$conf.int[2], row.names = NULL),
     "r_mantel_haenszel.csv")
poisson <- sapply(c(0, 1, 10, 250), function(k) poisson.test(k)$conf.int)
keep(data.frame(count = c(0, 1, 10, 250), lower = poisson[1, ], upper = poisson[2, ]), "r_poisson.csv")

# Ratio of two Poisson counts, conditional and exact (poisson.test of two).
pairs <- expand.grid(now = c(0, 1, 7, 40, 1559), then = c(1, 5, 52, 2562))
ratio <- mapply(function(a, b) { test <- poisson.test(c(a, b)); c(test$conf.int, test$p.value) }, pairs$now, pairs$then)
keep(cbind(pairs, lower = ratio[1, ], upper = ratio[2, ]), "r_poisson_ratio.csv")

# Funnel limits: the counts at which prop.test against the target (score, no correction) is just at 1 - level.
funnel <- expand.grid(n = c(50, 250, 1200, 5000), target = c(0.5146, 0.9, 0.98), level = c(0.95, 0.998))
limit <- function(n, target, level, side) {
  ends <- if (side == "lower") c(1e-9, n * target) else c(n * target, n)
  excess <- function(k) suppressWarnings(prop.test(k, n, p = target, correct = FALSE))$p.value - (1 - level)
  if (excess(ends[if (side == "lower") 1 else 2]) > 0) return(if (side == "lower") 0 else 1)
  uniroot(excess, ends, tol = 1e-12, maxiter = 10000)$root / n
}
for (side in c("lower", "upper")) funnel[[side]] <- mapply(limit, funnel$n, funnel$target, funnel$level, side)
keep(funnel, "r_funnel.csv")

# Ranks with intervals: prop.test of each pair, p.adjust(., "holm") over a county's pairs, how many are better and worse for sure.
league <- data.frame(group = rep(c("alike", "spread"), c(10, 8)),
  count = c(149, 291, 174, 153, 271, 303, 310, 272, 116, 220, 4689, 6197, 3516, 5545, 5323, 6157, 4897, 3700),
  total = c(190, 310, 183, 168, 286, 321, 329, 285, 124, 241, 4828, 6205, 3520, 5783, 5411, 6269, 5119, 3744))
place <- function(table) {
  share <- table$count / table$total
  others <- function(i) setdiff(seq_along(share), i)
  told <- function(i) p.adjust(sapply(others(i), function(j) suppressWarnings(
    prop.test(table$count[c(i, j)], table$total[c(i, j)], correct = FALSE))$p.value), "holm") < 0.05
  sure <- function(i, better) sum(told(i) & (if (better) share[others(i)] > share[i] else share[others(i)] < share[i]))
  cbind(table, rank = rank(-share, ties.method = "min"), lower = 1 + sapply(seq_along(share), sure, TRUE),
    upper = length(share) - sapply(seq_along(share), sure, FALSE))
}
keep(do.call(rbind, lapply(split(league, league$group), place)), "r_ranks.csv")
writeLines(made_by, file.path(golden, "r_version.txt"))
