package telemetry_test

import (
	"errors"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi/telemetry"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

func TestMeasurementsReachTheProvider(t *testing.T) {
	reader := sdk.NewManualReader()
	m, err := telemetry.NewMeter(sdk.NewMeterProvider(sdk.WithReader(reader)).Meter("cointill"))
	require.NoError(t, err)
	on := invoice.Label{Key: "network", Value: "eip155:1"}
	m.Count(t.Context(), invoice.MeterForks, 2, on)
	m.Count(t.Context(), invoice.MeterForks, 3, on)
	m.Level(t.Context(), invoice.MeterHeight, 7, on)
	m.Level(t.Context(), invoice.MeterHeight, 8, on)
	m.Time(t.Context(), invoice.MeterStep, 1500*time.Millisecond, on)
	require.NoError(t, m.Err())

	var got metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &got))
	found := map[string]any{}
	for _, scope := range got.ScopeMetrics {
		for _, one := range scope.Metrics {
			switch data := one.Data.(type) {
			case metricdata.Sum[int64]:
				found[one.Name] = data.DataPoints[0].Value
				label, _ := data.DataPoints[0].Attributes.Value("network")
				require.Equal(t, "eip155:1", label.AsString())
			case metricdata.Gauge[int64]:
				found[one.Name] = data.DataPoints[0].Value
			case metricdata.Histogram[float64]:
				found[one.Name] = data.DataPoints[0].Sum
			}
		}
	}
	require.Equal(t, map[string]any{invoice.MeterForks: int64(5), invoice.MeterHeight: int64(8), invoice.MeterStep: 1.5}, found)
}

// broken cannot create counters.
type broken struct{ noop.Meter }

func (broken) Int64Counter(string, ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return nil, errors.New("no")
}

func TestAnInstrumentThatCannotBeMadeIsReportedAndMeasuresNothing(t *testing.T) {
	m, err := telemetry.NewMeter(broken{})
	require.NoError(t, err)
	m.Count(t.Context(), "x", 1)
	m.Count(t.Context(), "x", 1)
	require.ErrorContains(t, m.Err(), "make x: no")
	_, err = telemetry.NewMeter(nil)
	require.Error(t, err)
}
