package httpapi

import (
	"bytes"
	"net/http"

	"github.com/assaylabs/assay/domain"
	"github.com/assaylabs/assay/queries"
)

// dailyCSV answers with reports as one table.
func dailyCSV(reports []domain.DailyReport) (answer, error) {
	var buf bytes.Buffer
	err := queries.WriteDailyCSV(&buf, reports)
	return answer{status: http.StatusOK, media: csvType + "; charset=utf-8; header=present", body: buf.Bytes()}, err
}
